import { spawn } from "node:child_process";
import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";
import type { Clock } from "#base/clock";
import { CommandFailure } from "../failure.ts";
import { writeWhole } from "../pki/pki.ts";
import type { ClusterPaths } from "../state/cluster-config.ts";
import { identify, isAlive, type ProcessIdentity } from "./process-table.ts";

const stopGraceMs = 10_000;

/** The detached processes of one cluster: each with its pid and start time in the state folder, and its log. */
export class Processes {
  readonly #paths: ClusterPaths;
  readonly #clock: Clock;

  constructor(paths: ClusterPaths, clock: Clock) {
    this.#paths = paths;
    this.#clock = clock;
  }

  /** Those that run now, by name. */
  async running(): Promise<Map<string, ProcessIdentity>> {
    const files = await readdir(this.#paths.run).catch(() => []);
    const found = new Map<string, ProcessIdentity>();
    for (const file of files.filter((name) => name.endsWith(".pid"))) {
      const identity = await this.#read(file.slice(0, -".pid".length));
      if (identity !== undefined && isAlive(identity)) found.set(file.slice(0, -".pid".length), identity);
    }
    return found;
  }

  logFile(name: string): string {
    return join(this.#paths.logs, `${name}.log`);
  }

  /** Starts one that outlives us. `launch` may wrap the command, e.g. to run it inside a node. */
  async start(
    name: string,
    args: readonly string[],
    launch: (command: readonly string[]) => readonly string[] = (command) => command,
  ): Promise<ProcessIdentity> {
    await mkdir(this.#paths.run, { recursive: true, mode: 0o700 });
    await mkdir(this.#paths.logs, { recursive: true, mode: 0o700 });
    const log = await open(this.logFile(name), "a", 0o600);
    try {
      const [program = "", ...rest] = launch([process.execPath, ...skiffProgram(), ...args]);
      const child = spawn(program, rest, { detached: true, stdio: ["ignore", log.fd, log.fd], cwd: "/" });
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", reject);
      });
      child.unref();
      const identity = child.pid === undefined ? undefined : identify(child.pid);
      if (identity === undefined) throw new CommandFailure(await this.endedAtOnce(name));
      await writeWhole(join(this.#paths.run, `${name}.pid`), JSON.stringify(identity));
      return identity;
    } finally {
      await log.close();
    }
  }

  /** Asks to end, waits, and then insists. Not running: succeeds. */
  async stop(name: string): Promise<void> {
    const identity = await this.#read(name);
    if (identity !== undefined) await this.#end(identity);
    await rm(join(this.#paths.run, `${name}.pid`), { force: true });
  }

  /** For a process that ended before it was ready: the last thing it said. */
  async endedAtOnce(name: string): Promise<string> {
    const text = await readFile(this.logFile(name), "utf8").catch(() => "");
    const last = text.trimEnd().split("\n").at(-1) ?? "";
    return `${name} ended before it was ready: ${reasonIn(last)} (log: ${this.logFile(name)})`;
  }

  async #end(identity: ProcessIdentity): Promise<void> {
    if (!isAlive(identity)) return;
    process.kill(identity.pid, "SIGTERM");
    const deadline = this.#clock.monotonic() + stopGraceMs;
    while (isAlive(identity)) {
      if (this.#clock.monotonic() > deadline) process.kill(identity.pid, "SIGKILL");
      await this.#clock.sleep(10);
    }
  }

  async #read(name: string): Promise<ProcessIdentity | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#paths.run, `${name}.pid`), "utf8")) as ProcessIdentity;
    } catch {
      return undefined;
    }
  }
}

/** This program again: the bundle it was started from. */
function skiffProgram(): string[] {
  return [join(packageRoot, "dist/main.js")];
}

function reasonIn(line: string): string {
  try {
    const { msg, error } = JSON.parse(line) as { msg?: string; error?: { message?: string } };
    return [msg, error?.message].filter((part) => part !== undefined).join(": ");
  } catch {
    return line === "" ? "it said nothing" : line;
  }
}

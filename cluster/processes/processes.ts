import { mkdir, readdir, readFile, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";
import type { Clock } from "#base/clock";
import { isAlive, signalProcess, type ProcessIdentity } from "#node-agent/runtime/process-table";
import { CommandFailure } from "../failure.ts";
import type { ClusterPaths } from "../state/cluster-config.ts";
import { writeWhole } from "../state/write-whole.ts";
import { spawnDetached } from "./spawn-detached.ts";

const stopGraceMs = 10_000;
/** With less than this a component cannot even say what it lacks. */
const leastSpaceBytes = 256 * 1024;

/** The detached processes of one cluster: each with its pid and start time in the state folder, and its log. */
export class Processes {
  readonly #paths: ClusterPaths;
  readonly #clock: Clock;

  constructor(paths: ClusterPaths, clock: Clock) {
    this.#paths = paths;
    this.#clock = clock;
  }

  /** The names of those that run now. */
  async running(): Promise<ReadonlyMap<string, ProcessIdentity>> {
    const files = await readdir(this.#paths.run).catch(() => []);
    const found = new Map<string, ProcessIdentity>();
    for (const name of files.filter((file) => file.endsWith(".pid")).map((file) => file.slice(0, -".pid".length))) {
      const identity = await this.#read(name);
      if (identity !== undefined && (await isAlive(identity))) found.set(name, identity);
    }
    return found;
  }

  logFile(name: string): string {
    return join(this.#paths.logs, `${name}.log`);
  }

  /**
   * Starts this program again as a process that outlives us. `launcher` comes before the command, e.g. to run it inside a node;
   * `nodeFlags` are for Node.js itself.
   */
  async start(
    name: string,
    args: readonly string[],
    { launcher = [], nodeFlags = [] }: { launcher?: readonly string[]; nodeFlags?: readonly string[] } = {},
  ): Promise<void> {
    await this.#spawn(name, [...launcher, process.execPath, ...nodeFlags, join(packageRoot, "dist/main.js"), ...args]);
  }

  /** Starts another program as one of the cluster's processes, without our environment. */
  async startProgram(name: string, argv: readonly string[]): Promise<ProcessIdentity> {
    return this.#spawn(name, argv, {});
  }

  /** Asks to end, waits, and then insists. Not running: succeeds. */
  async stop(name: string): Promise<void> {
    const identity = await this.#read(name);
    if (identity !== undefined) await this.#end(identity);
    await rm(join(this.#paths.run, `${name}.pid`), { force: true });
  }

  /** What became of those that should run: the first that does not, with the last thing it said. */
  async firstEnded(names: readonly string[]): Promise<string | undefined> {
    const running = await this.running();
    const ended = names.find((name) => !running.has(name));
    return ended === undefined ? undefined : this.whyEnded(ended);
  }

  async whyEnded(name: string): Promise<string> {
    const { bavail, bsize } = await statfs(this.#paths.root);
    if (bavail * bsize < leastSpaceBytes)
      return `${name} ended: no space left on the disk that holds ${this.#paths.root}: free some and run the same command again`;
    const text = await readFile(this.logFile(name), "utf8").catch(() => "");
    return `${name} ended: ${lastReasonIn(text)}`;
  }

  async #spawn(name: string, argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<ProcessIdentity> {
    await mkdir(this.#paths.run, { recursive: true, mode: 0o700 });
    const identity = await spawnDetached(argv, this.logFile(name), env);
    if (identity === undefined) throw new CommandFailure(await this.whyEnded(name));
    await writeWhole(join(this.#paths.run, `${name}.pid`), JSON.stringify(identity));
    return identity;
  }

  async #end(identity: ProcessIdentity): Promise<void> {
    await signalProcess(identity, "SIGTERM");
    const deadline = this.#clock.monotonic() + stopGraceMs;
    while (await isAlive(identity)) {
      if (this.#clock.monotonic() > deadline) await signalProcess(identity, "SIGKILL");
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

/** A component's last word is a line of its log; a program that could not even start leaves a stack. */
function lastReasonIn(log: string): string {
  const lines = log.trimEnd().split("\n").slice(-40).reverse();
  return reasonIn(lines.find((line) => line.startsWith("{") || /Error\b/.test(line)) ?? lines[0] ?? "");
}

function reasonIn(line: string): string {
  try {
    const { msg, error } = JSON.parse(line) as { msg?: string; error?: { message?: string } | string };
    const cause = typeof error === "string" ? error : error?.message;
    return [msg, cause].filter((part) => part !== undefined).join(": ");
  } catch {
    return line === "" ? "it said nothing" : line;
  }
}

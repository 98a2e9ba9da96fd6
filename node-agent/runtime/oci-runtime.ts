import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "#base/clock";
import type { OciProcess, OciResources } from "./bundle.ts";
import { identifyProcess, killMembers, sessionOf, signalProcess } from "./process-table.ts";
import { checkResult, type CommandResult, runCommand } from "./run-command.ts";
import type { ExecResult } from "./runtime.ts";

const keptOutput = 64 * 1024;
/** How long the outputs may take to end after the command. */
const drainMs = 200;

export interface ExecOptions {
  readonly timeoutMs: number;
  /** Of files this call may write and removes again. */
  readonly filePrefix: string;
  readonly signal?: AbortSignal;
}

export interface OciRuntimeOptions {
  readonly binary: string;
  readonly stateDirectory: string;
  readonly clock: Clock;
  /** What takes longer is killed. */
  readonly callLimitMs: number;
}

/** The command line of crun or runc, which agree in what is used here. */
export class OciRuntime {
  readonly binary: string;
  /** Before every command. */
  readonly globalArguments: readonly string[];
  readonly #stateDirectory: string;
  readonly #clock: Clock;
  readonly #callLimitMs: number;

  constructor({ binary, stateDirectory, clock, callLimitMs }: OciRuntimeOptions) {
    this.binary = binary;
    this.#callLimitMs = callLimitMs;
    this.#stateDirectory = stateDirectory;
    this.#clock = clock;
    this.globalArguments = ["--root", stateDirectory];
  }

  /** @returns e.g. `crun://1.8.1` */
  async version(): Promise<string> {
    const output = await this.#checked("--version");
    const match = /^(\w+) version (\S+)/.exec(output);
    return `${match?.[1] ?? "oci"}://${match?.[2] ?? "unknown"}`;
  }

  async start(id: string): Promise<void> {
    await this.#run("start", id);
  }

  /** @returns undefined when the runtime does not know it */
  async state(
    id: string,
  ): Promise<{ status: "creating" | "created" | "running" | "stopped" | "paused"; pid: number } | undefined> {
    if (!existsSync(join(this.#stateDirectory, id))) return undefined;
    const result = await this.#command(...this.globalArguments, "state", id);
    return result.exitCode === 0 ? (JSON.parse(result.stdout) as { status: "running"; pid: number }) : undefined;
  }

  /** Kills what is left and removes the container's cgroup and the runtime's own record. */
  async delete(id: string): Promise<void> {
    if (!existsSync(join(this.#stateDirectory, id))) return;
    const result = await this.#command(...this.globalArguments, "delete", "--force", id);
    if (result.exitCode === 0) return;
    // A runtime killed half way leaves a folder it cannot read itself.
    await rm(join(this.#stateDirectory, id), { recursive: true, force: true });
  }

  async update(id: string, resources: OciResources, file: string): Promise<void> {
    await writeFile(file, JSON.stringify(resources), { mode: 0o600 });
    await this.#run("update", "--resources", file, id);
  }

  /**
   * Runs a command in a container. What exceeds the time is killed in the container too, not only the runtime that waits for it.
   * Background children of the command that hold its outputs are not waited for.
   */
  async exec(id: string, process: OciProcess, options: ExecOptions): Promise<ExecResult> {
    const [processFile, pidFile] = [`${options.filePrefix}.json`, `${options.filePrefix}.pid`];
    await writeFile(processFile, JSON.stringify(process), { mode: 0o600 });
    const child = spawn(this.binary, [...this.globalArguments, "exec", "--process", processFile, "--pid-file", pidFile, id], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    const finished = new AbortController();
    const ended = this.#ended(child);
    const stop = AbortSignal.any([finished.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    const interrupted = this.#clock.sleep(options.timeoutMs, stop).then(
      () => "interrupted" as const,
      () => "interrupted" as const,
    );
    try {
      const outcome = await Promise.race([ended, interrupted]);
      if (outcome !== "interrupted") return { ...outcome, stdout: stdout(), stderr: stderr() };
      await killExec(pidFile, () => child.kill("SIGKILL"));
      await ended;
      options.signal?.throwIfAborted();
      return { stdout: stdout(), stderr: stderr() };
    } finally {
      finished.abort();
      await Promise.all([processFile, pidFile].map((file) => rm(file, { force: true })));
    }
  }

  async #ended(child: ChildProcess): Promise<{ exitCode?: number }> {
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", resolve);
    });
    const drained = new AbortController();
    await Promise.race([closed, this.#clock.sleep(drainMs, drained.signal).catch(() => undefined)]);
    drained.abort();
    child.stdout?.destroy();
    child.stderr?.destroy();
    return exitCode === null ? {} : { exitCode };
  }

  async #run(command: string, ...args: string[]): Promise<void> {
    await this.#checked(...this.globalArguments, command, ...args);
  }

  async #checked(...args: string[]): Promise<string> {
    const argv = [this.binary, ...args];
    return checkResult(argv, await this.#command(...args));
  }

  /** @throws Error when it had to be killed for taking too long */
  async #command(...args: string[]): Promise<CommandResult> {
    const [timeUp, done] = [new AbortController(), new AbortController()];
    const seconds = this.#callLimitMs / 1000;
    void this.#clock.sleep(this.#callLimitMs, done.signal).then(
      () => timeUp.abort(),
      () => undefined,
    );
    try {
      return await runCommand([this.binary, ...args], { signal: timeUp.signal });
    } catch (error) {
      if (!timeUp.signal.aborted) throw error;
      throw new Error(`${args.join(" ")} did not end within ${seconds} s and was killed`, { cause: error });
    } finally {
      done.abort();
    }
  }
}

/** With the command and what it began in its session dead the runtime ends by itself; without a process yet, the runtime is what to kill. */
async function killExec(pidFile: string, killRuntime: () => void): Promise<void> {
  const pid = Number(await readFile(pidFile, "utf8").catch(() => ""));
  const running = pid > 0 ? await identifyProcess(pid) : undefined;
  if (running === undefined) {
    killRuntime();
    return;
  }
  const [session, own] = await Promise.all([sessionOf(pid), sessionOf(process.pid)]);
  await signalProcess(running, "SIGKILL");
  if (session !== undefined && session !== own) await killMembers(session);
}

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  let kept = 0;
  stream.on("data", (chunk: Buffer) => {
    if (kept < keptOutput) chunks.push(chunk.subarray(0, keptOutput - kept));
    kept += chunk.length;
  });
  return () => Buffer.concat(chunks).toString();
}

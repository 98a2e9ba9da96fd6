import { spawn, type ChildProcess } from "node:child_process";
import { closeSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { PassThrough, type Readable } from "node:stream";
import type { Clock } from "#base/clock";
import type { OciProcess } from "./bundle.ts";
import { ConsoleSocket } from "./console-socket.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { identifyProcess, killMembers, sessionOf, signalProcess, type ProcessIdentity } from "./process-table.ts";
import { RuntimeError, type ExecProcess } from "./runtime.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

export interface BeginExecOptions {
  readonly oci: Pick<OciRuntime, "binary" | "globalArguments">;
  readonly clock: Clock;
  /** Of the container. */
  readonly id: string;
  readonly process: OciProcess;
  /** Of files this call may write and removes again. */
  readonly filePrefix: string;
  readonly stdin: boolean;
  /** Gives up a command that has not begun yet. */
  readonly signal?: AbortSignal;
}

const pollMs = 2;
const killedCode = 137;
/** What the runtime may take until the command runs. */
const longestStartMs = 100_000;

/** Resolves once the command runs, so that what the runtime says of one that does not is never taken for the command's output. */
export async function beginExec(options: BeginExecOptions): Promise<ExecProcess> {
  const { oci, id, process, filePrefix, stdin, clock } = options;
  const [processFile, pidFile, logFile] = [`${filePrefix}.json`, `${filePrefix}.pid`, `${filePrefix}.log`];
  await writeFile(processFile, JSON.stringify(process), { mode: 0o600 });
  const consoleSocket = process.terminal ? new ConsoleSocket(`${filePrefix}.sock`) : undefined;
  const consoleArguments = consoleSocket === undefined ? [] : ["--console-socket", consoleSocket.path];
  try {
    const child = spawn(
      oci.binary,
      [
        ...[...oci.globalArguments, "--log", logFile, "--log-format", "json"],
        ...["exec", "--process", processFile, "--pid-file", pidFile, ...consoleArguments, id],
      ],
      // Signals to this process and its group are not for it.
      { stdio: [stdin && !process.terminal ? "pipe" : "ignore", "pipe", "pipe"], detached: true },
    );
    const outputs = { stdout: kept(child.stdout), stderr: kept(child.stderr) };
    const exit = exitOf(child);
    const started = await waitForStart(child, { pidFile, consoleSocket, clock, signal: options.signal });
    if (started.command !== undefined) {
      const terminal = started.master === undefined ? undefined : openTerminal(started.master, clock);
      return running(child, outputs, exit, started.command, terminal);
    }
    if (started.master !== undefined) closeSync(started.master);
    throw new RuntimeError("ExecError", await whatWentWrong(logFile));
  } finally {
    consoleSocket?.close();
    await Promise.all([processFile, pidFile, logFile].map((file) => rm(file, { force: true })));
  }
}

function running(
  child: ChildProcess,
  outputs: Outputs,
  exit: Promise<number>,
  command: Command,
  terminal: Terminal | undefined,
): ExecProcess {
  const { stdin } = child;
  const { stdout, stderr } = outputs;
  // A command may end without reading its input.
  stdin?.on("error", () => undefined);
  if (terminal !== undefined) for (const output of [stdout, stderr]) output.resume();
  return {
    ...(terminal === undefined ? { ...outputs, ...(stdin && { stdin }) } : { stdin: terminal.input, stdout: terminal.output }),
    exit,
    resize: (size) => terminal?.resize(size),
    kill: async () => {
      await killSession(command);
      const streams = [stdin, child.stdout, child.stderr, stdout, stderr, terminal?.input, terminal?.output];
      for (const stream of streams) stream?.destroy();
      await exit;
    },
  };
}

interface Outputs {
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** Node throws away what nobody reads of a child that has ended; what has passed through this stays until it is read. */
function kept(output: Readable | null): Readable {
  if (output === null) throw new Error("the outputs are not pipes");
  return output.pipe(new PassThrough({ highWaterMark: 64 * 1024 }));
}

/** The runtime gives each command a session of its own, ends after it, and has reaped it then. */
async function killSession({ process, session }: Command): Promise<void> {
  await signalProcess(process, "SIGKILL");
  if (session !== undefined) await killMembers(session);
}

interface Command {
  readonly process: ProcessIdentity;
  /** Unknown of one that ended at once. */
  readonly session?: number;
}

interface Started {
  /** Absent: the runtime has ended without starting it. */
  readonly command?: Command;
  readonly master?: number;
}

interface StartOptions {
  readonly pidFile: string;
  readonly consoleSocket: ConsoleSocket | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

async function waitForStart(child: ChildProcess, { pidFile, consoleSocket, clock, signal }: StartOptions): Promise<Started> {
  let master: number | undefined;
  const deadline = clock.monotonic() + longestStartMs;
  for (;;) {
    const hasEnded = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
    master ??= consoleSocket?.receive();
    const pid = Number(await readFile(pidFile, "utf8").catch(() => ""));
    if (pid > 0 && (consoleSocket === undefined || master !== undefined)) {
      const session = await sessionOf(pid);
      // Gone already: an identity that matches no process.
      const process = (await identifyProcess(pid)) ?? { pid, startTime: 0 };
      return { command: { process, ...(session !== undefined && { session }) }, ...(master !== undefined && { master }) };
    }
    if (hasEnded) return { ...(master !== undefined && { master }) };
    if (signal?.aborted === true || clock.monotonic() >= deadline) {
      if (master !== undefined) closeSync(master);
      await killMembers(child.pid ?? 0);
      throw new RuntimeError("ExecError", "the command did not begin in time");
    }
    await clock.sleep(pollMs);
  }
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once("error", () => resolve(killedCode));
    child.once("exit", (code) => resolve(code ?? killedCode));
  });
}

/** The runtime's last words, in the form that crun and runc share. */
async function whatWentWrong(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, "utf8").catch(() => "")).trim().split("\n");
  try {
    return (JSON.parse(lines.at(-1) ?? "") as { readonly msg: string }).msg;
  } catch {
    return "the runtime gave no reason";
  }
}

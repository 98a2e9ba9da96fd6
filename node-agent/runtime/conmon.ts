import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Clock } from "#base/clock";
import type { ProcessIdentity } from "./process-table.ts";
import { identifyProcess, killMembers, sessionOf } from "./process-table.ts";
import type { TerminalSize } from "./runtime.ts";
import { spawnProcess } from "./spawn-process.ts";

export interface ConmonOptions {
  readonly conmonBinary: string;
  readonly runtimeBinary: string;
  /** Before the runtime's own command, e.g. `--root DIR`. */
  readonly runtimeArguments: readonly string[];
  readonly id: string;
  readonly name: string;
  /** Holds config.json; conmon puts its sockets and fifos here too. */
  readonly bundle: string;
  readonly exitDirectory: string;
  readonly logFile: string;
  readonly tty: boolean;
  /** Whether the container has an input for others to write to, and whether that ends with the first of them who ends it. */
  readonly stdin: "none" | "until ended" | "kept open";
  readonly clock: Clock;
  /** When it has not answered by then, neither monitor nor runtime is left. */
  readonly limitMs: number;
}

export interface MonitoredContainer {
  readonly monitor?: ProcessIdentity;
  readonly init: ProcessIdentity;
}

/**
 * Creates a container under a monitor of its own, which outlives this program: it holds the container's outputs, writes the log
 * in the CRI's format, reaps the container and leaves its exit code in the exit directory.
 * @throws Error with the runtime's words when the runtime refuses
 */
export async function createUnderConmon(options: ConmonOptions): Promise<MonitoredContainer> {
  const monitorFile = join(options.bundle, "conmon.pid");
  const diagnostics = await open(join(options.bundle, "conmon.log"), "a", 0o600);
  try {
    const answer = await spawnConmon(conmonArguments(options, monitorFile), options, diagnostics.fd);
    if (answer.data <= 0) throw new Error(await refusal(answer, options));
    const init = await identifyProcess(answer.data);
    const monitor = await identifyProcess(Number(await readFile(monitorFile, "utf8")));
    // Gone already: an identity that matches no process, so that the exit file decides.
    return { init: init ?? { pid: answer.data, startTime: 0 }, ...(monitor !== undefined && { monitor }) };
  } finally {
    await diagnostics.close();
  }
}

/** Makes the monitor write to a new file at the log's path. Gone already: there is nothing to do. */
export async function reopenConmonLog(bundle: string): Promise<void> {
  await tellConmon(bundle, "2 0 0\n");
}

/** Of the container's own terminal, which its monitor holds. */
export async function resizeConmonTerminal(bundle: string, { rows, columns }: TerminalSize): Promise<void> {
  await tellConmon(bundle, `1 ${rows} ${columns}\n`);
}

async function tellConmon(bundle: string, message: string): Promise<void> {
  const nonBlockingWrite = 0o1 | 0o4000;
  try {
    const control = await open(join(bundle, "ctl"), nonBlockingWrite);
    await control.write(message).finally(() => control.close());
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENXIO" && code !== "ENOENT") throw error;
  }
}

interface Answer {
  readonly data: number;
  readonly message?: string;
}

function conmonArguments(options: ConmonOptions, monitorFile: string): readonly string[] {
  return [
    ...["--api-version", "1", "-c", options.id, "-u", options.id, "-n", options.name],
    ...["-r", options.runtimeBinary, ...options.runtimeArguments.flatMap((argument) => ["--runtime-arg", argument])],
    ...["-b", options.bundle, "-p", join(options.bundle, "init.pid"), "--conmon-pidfile", monitorFile],
    ...["--exit-dir", options.exitDirectory, "--full-attach", "--no-sync-log", "-l", `k8s-file:${options.logFile}`],
    ...(options.tty ? ["-t"] : []),
    ...(options.stdin === "none" ? [] : ["-i"]),
    ...(options.stdin === "kept open" ? ["--leave-stdin-open"] : []),
  ];
}

/** conmon forks and answers on descriptor 3 with one JSON line; the forked one lives on. */
async function spawnConmon(args: readonly string[], options: ConmonOptions, diagnostics: number): Promise<Answer> {
  const { clock, limitMs } = options;
  const child = await spawnProcess([options.conmonBinary, ...args], {
    descriptors: ["null", "null", diagnostics, "write"],
    env: { _OCI_SYNCPIPE: "3", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    newSession: true,
  });
  const pipe = child.pipes.get(3);
  if (pipe === undefined) throw new Error("conmon has no pipe to answer by");
  const answered = new AbortController();
  const timeUp = clock.sleep(limitMs, answered.signal).then(
    () => "time up" as const,
    () => undefined,
  );
  const line = await Promise.race([firstLine(pipe), timeUp]);
  answered.abort();
  if (line === "time up") {
    await killUnanswered(child.pid, options);
    pipe.destroy();
    await child.end();
    throw new Error(`the runtime did not create it within ${limitMs / 1000} s and was killed`);
  }
  pipe.destroy();
  await child.end();
  return line === undefined ? { data: -1 } : (JSON.parse(line) as Answer);
}

/** The monitor has a session of its own by now; the one that it was started in is its parent's. */
async function killUnanswered(pid: number, { bundle }: ConmonOptions): Promise<void> {
  const monitor = Number(await readFile(join(bundle, "conmon.pid"), "utf8").catch(() => ""));
  const sessions = [pid, monitor > 0 ? await sessionOf(monitor) : undefined];
  for (const session of sessions) if (session !== undefined && session > 0) await killMembers(session);
}

function firstLine(stream: Readable): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = "";
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf("\n");
      if (end !== -1) resolve(text.slice(0, end));
    });
    stream.on("close", () => resolve(text === "" ? undefined : text));
    stream.on("error", () => resolve(undefined));
  });
}

/** The runtime writes its reason where conmon's own diagnostics go, unless conmon passes it on. */
async function refusal(answer: Answer, options: ConmonOptions): Promise<string> {
  const written = await readFile(join(options.bundle, "conmon.log"), "utf8");
  const lastLine = written.trim().split("\n").at(-1) ?? "";
  return answer.message?.trim() || lastLine || "the runtime gave no reason";
}

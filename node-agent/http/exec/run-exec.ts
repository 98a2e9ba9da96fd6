import type { Clock } from "#base/clock";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ContainerRuntime, ExecProcess } from "../../runtime/runtime.ts";
import { exitStatus, failureStatus } from "./exec-status.ts";
import type { ExecStreams } from "./exec-streams.ts";

const pingMs = 3000;

/** Joins a command with its client until one of them ends; then neither is left. */
export async function runExec(
  runtime: Pick<ContainerRuntime, "openExec">,
  { containerId, command, tty }: { readonly containerId: string; readonly command: readonly string[]; readonly tty: boolean },
  streams: ExecStreams,
  clock: Clock,
): Promise<void> {
  const options = { command, stdin: streams.stdin !== undefined, tty, signal: streams.closed };
  await join(() => runtime.openExec(containerId, options), "executing command in", streams, clock);
}

/** Joins a container's own process with a client, until one of them ends. The process does not end with the client. */
export async function runAttach(
  runtime: Pick<ContainerRuntime, "attach">,
  { containerId }: { readonly containerId: string },
  streams: ExecStreams,
  clock: Clock,
): Promise<void> {
  await join(() => runtime.attach(containerId), "attaching to", streams, clock);
}

async function join(begin: () => Promise<ExecProcess>, doing: string, streams: ExecStreams, clock: Clock): Promise<void> {
  void keepAlive(streams, clock);
  let process: ExecProcess;
  try {
    process = await begin();
  } catch (error) {
    await streams.finish(failureStatus(error, doing));
    return;
  }
  try {
    const code = await joined(process, streams);
    // What the command left behind runs on, as a daemon does.
    await streams.finish(exitStatus(code));
  } catch (error) {
    await process.kill();
    if (!streams.closed.aborted) await streams.finish(failureStatus(error, doing));
  } finally {
    streams.destroy();
  }
}

/** The exit code, with everything the command said on its way. Rejects when the client goes. */
async function joined(process: ExecProcess, streams: ExecStreams): Promise<number> {
  const { closed } = streams;
  streams.onResize((size) => process.resize(size));
  if (streams.stdin !== undefined && process.stdin !== undefined) feed(streams.stdin, process.stdin);
  const outputs = [
    [process.stdout, streams.stdout],
    [process.stderr, streams.stderr],
  ] as const;
  const sent = outputs.map(([from, to]) => {
    if (from === undefined) return undefined;
    if (to !== undefined) return pipeline(from, to, { signal: closed });
    from.resume();
    return undefined;
  });
  const gone = new Promise<never>((_resolve, reject) => {
    const leave = (): void => reject(new Error("the client has gone"));
    if (closed.aborted) leave();
    else closed.addEventListener("abort", leave, { once: true });
  });
  const [code] = await Promise.race([Promise.all([process.exit, ...sent]), gone]);
  return code;
}

/** What comes for a command that has closed its input, or is gone, is dropped: what comes behind it must still be seen. */
function feed(from: Readable, to: Writable): void {
  const drop = (): void => {
    from.unpipe(to);
    from.resume();
  };
  to.once("error", drop);
  to.once("close", drop);
  from.pipe(to);
}

async function keepAlive(streams: ExecStreams, clock: Clock): Promise<void> {
  while (!streams.closed.aborted) {
    streams.ping();
    await clock.sleep(pingMs, streams.closed).catch(() => undefined);
  }
}

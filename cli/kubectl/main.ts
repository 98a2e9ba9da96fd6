import type { Environment } from "../environment.ts";
import { runObjectCommand } from "./run.ts";
import { processStreams } from "./streams.ts";

/** Runs one command on objects and ends the process with its exit code. An interrupt ends it at once. */
export async function main(name: string, argv: readonly string[], env: Environment): Promise<never> {
  // Waiting on a clock alone does not keep a process alive.
  const { port1 } = new MessageChannel();
  port1.ref();
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort(new Error(`received ${signal}`)));
  const code = await runObjectCommand(name, argv, { env, streams: processStreams(), signal: stop.signal });
  process.exit(code);
}

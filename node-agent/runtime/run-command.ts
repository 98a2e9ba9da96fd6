import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { spawnProcess } from "./spawn-process.ts";

export interface CommandResult {
  /** Absent when a signal ended it. */
  readonly exitCode?: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Aborting kills it. */
  readonly signal?: AbortSignal;
}

/** Runs a program to its end. A program that cannot be started rejects; one that fails answers. */
export async function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { input, cwd, env, signal } = options;
  signal?.throwIfAborted();
  const child = await spawnProcess(argv, {
    descriptors: [input === undefined ? "null" : "read", "write", "write"],
    ...(cwd !== undefined && { cwd }),
    ...(env !== undefined && { env }),
  });
  const kill = (): void => child.kill("SIGKILL");
  signal?.addEventListener("abort", kill, { once: true });
  if (signal?.aborted === true) kill();
  const stdin = child.pipes.get(0);
  // A program may end without reading its input.
  stdin?.on("error", () => undefined);
  stdin?.end(input ?? "");
  const [stdout, stderr] = await Promise.all([textOf(child.pipes.get(1)), textOf(child.pipes.get(2))]);
  const exitCode = await child.end();
  stdin?.destroy();
  signal?.removeEventListener("abort", kill);
  signal?.throwIfAborted();
  return exitCode === undefined ? { stdout, stderr } : { exitCode, stdout, stderr };
}

/** Until nobody can write to it any more. */
async function textOf(stream: Readable | undefined): Promise<string> {
  if (stream === undefined) return "";
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await finished(stream, { writable: false }).catch(() => undefined);
  return Buffer.concat(chunks).toString();
}

/** As `runCommand`, but what ends other than with 0 rejects, saying what the program said. @returns its output */
export async function runChecked(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  return checkResult(argv, await runCommand(argv, options));
}

/** @returns what it printed. @throws CommandError when it ended other than with 0 */
export function checkResult(argv: readonly string[], result: CommandResult): string {
  if (result.exitCode === 0) return result.stdout;
  throw new CommandError(argv, result);
}

class CommandError extends Error {
  override readonly name = "CommandError";
  readonly result: CommandResult;

  constructor(argv: readonly string[], result: CommandResult) {
    const said = result.stderr.trim() || result.stdout.trim() || "no output";
    super(`${argv.slice(0, 3).join(" ")}: ${said} (exit code ${result.exitCode ?? "none: killed"})`);
    this.result = result;
  }
}

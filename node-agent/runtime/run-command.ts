import { spawn } from "node:child_process";

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
export function runCommand(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const [program = "", ...args] = argv;
    const child = spawn(program, args, {
      stdio: ["pipe", "pipe", "pipe"],
      killSignal: "SIGKILL",
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.env !== undefined && { env: options.env }),
      ...(options.signal !== undefined && { signal: options.signal }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    // A program may end without reading its input.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    child.on("error", reject);
    child.on("close", (code) => {
      const outputs = { stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
      resolve(code === null ? outputs : { exitCode: code, ...outputs });
    });
  });
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

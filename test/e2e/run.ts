import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Runs a program to its end, which comes by SIGKILL when it takes too long. Its own exit code is for the caller to judge. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { child, output } = start(argv, options);
  // One that reads no input may have ended before it gets any.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 180_000);
  const code = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve(status ?? -1));
  });
  clearTimeout(timer);
  return { code, ...output };
}

/** Runs a program that must succeed. @returns its standard output */
export async function succeed(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")} exited with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** Starts a program that goes on; `output` grows as it writes. */
export function start(
  argv: readonly string[],
  { env, cwd }: RunOptions = {},
): { child: ChildProcess; output: { stdout: string; stderr: string } } {
  const [program = "", ...args] = argv;
  // A kubectl lives for a tenth of a second, of which it collects garbage for a quarter: these tests run thousands.
  const ours = { NO_COLOR: "1", GOGC: "400" };
  const child = spawn(program, args, { cwd, env: { ...process.env, ...ours, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  return { child, output };
}

export async function stop({ child }: { child: ChildProcess }): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGKILL");
  await closed;
}

/** Asks again and again until the answer is not undefined or false. Says what it waited for when time is up. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined | false>, timeoutMs = 60_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let problem: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    if (Date.now() > deadline) throw new Error(`gave up after ${timeoutMs / 1000} s waiting for ${what}`, { cause: problem });
    await sleep(100);
  }
}

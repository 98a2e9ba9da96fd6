import { spawn } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { identifyProcess, type ProcessIdentity } from "#node-agent/runtime/process-table";

/**
 * Starts a program that outlives this one and its terminal; both its outputs are appended to a file.
 * `env` in place of ours. @returns undefined when it has ended already
 */
export async function spawnDetached(
  argv: readonly string[],
  outputFile: string,
  env?: NodeJS.ProcessEnv,
): Promise<ProcessIdentity | undefined> {
  const [program = "", ...args] = argv;
  await mkdir(dirname(outputFile), { recursive: true, mode: 0o700 });
  const output = await open(outputFile, "a", 0o600);
  try {
    const child = spawn(program, args, {
      detached: true,
      stdio: ["ignore", output.fd, output.fd],
      cwd: "/",
      ...(env && { env }),
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
    return child.pid === undefined ? undefined : await identifyProcess(child.pid);
  } finally {
    await output.close();
  }
}

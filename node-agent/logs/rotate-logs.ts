import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { AgentParts } from "../agent-parts.ts";

/** Upstream's --container-log-max-size and --container-log-max-files. */
const largestBytes = 10 * 1024 * 1024;
const mostFiles = 5;
const everyMs = 10_000;

/** Renames the logs of running containers that have grown too long, until the signal aborts. */
export async function rotateLogs(
  parts: Pick<AgentParts, "runtime" | "runtimeState" | "directories" | "clock" | "log" | "signal">,
) {
  const { runtime, runtimeState, directories, clock, log, signal } = parts;
  while (!signal.aborted) {
    await clock.sleep(everyMs, signal).catch(() => undefined);
    if (isAborted(signal)) return;
    try {
      const { containers, sandboxes } = await runtimeState.fresh();
      for (const { id, name, attempt, state, sandboxId } of containers) {
        const sandbox = sandboxes.find((one) => one.id === sandboxId);
        if (state !== "running" || sandbox === undefined) continue;
        const folder = `${sandbox.podNamespace}_${sandbox.podName}_${sandbox.podUid}`;
        const path = join(directories.logs, folder, name, `${attempt}.log`);
        if (await rotate(path, { largestBytes, mostFiles, suffix: `${clock.now()}` })) await runtime.reopenLog(id);
      }
    } catch (error) {
      log.warn("logs could not be rotated", { error });
    }
  }
}

/** @returns whether the file was renamed, so that its writer must begin a new one. */
export async function rotate(
  path: string,
  limits: { largestBytes: number; mostFiles: number; suffix: string },
): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.size < limits.largestBytes) return false;
  await rename(path, `${path}.${limits.suffix}`);
  const old = await rotatedLogs(path);
  for (const name of old.slice(0, Math.max(old.length - limits.mostFiles + 1, 0))) await rm(name, { force: true });
  return true;
}

/** The older parts of a log, the oldest first. */
export async function rotatedLogs(path: string): Promise<readonly string[]> {
  const names = await readdir(dirname(path)).catch(() => []);
  const own = names.filter((name) => name.startsWith(`${basename(path)}.`));
  return own
    .sort((a, b) => (a.length === b.length ? (a < b ? -1 : 1) : a.length - b.length))
    .map((name) => join(dirname(path), name));
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

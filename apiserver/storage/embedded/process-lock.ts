import { closeSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { StorageError } from "../storage.ts";

const prefix = "lock.";

/**
 * Keeps every other process out of `directory` until released, or until this process ends in whatever way.
 *
 * The lock is a file whose name says who holds it: boot, pid and the process's start time, which together never come back. Each
 * opener first makes its own file and then looks for others: of two that race, the later sees the earlier, so that never both
 * go on (both may give up). What a dead process left is removed.
 *
 * @throws StorageError Locked
 */
export function lockDirectory(directory: string): { release(): void } {
  const own = `${prefix}${bootId()}.${process.pid}.${startTime(process.pid) ?? "0"}`;
  const path = join(directory, own);
  createExclusively(path, directory);
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(prefix) || name === own) continue;
    const holder = liveHolder(name);
    if (holder === undefined) {
      rmSync(join(directory, name), { force: true });
    } else {
      rmSync(path, { force: true });
      throw locked(directory, holder);
    }
  }
  return { release: () => rmSync(path, { force: true }) };
}

function createExclusively(path: string, directory: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw locked(directory, process.pid);
    throw error;
  }
}

function locked(directory: string, pid: number): StorageError {
  const holder = pid === process.pid ? `this process (pid ${pid})` : `process ${pid}`;
  return new StorageError(
    "Locked",
    `the store in ${directory} is in use by ${holder}; only one API server may open it at a time`,
  );
}

/** The pid in a lock's name, if that very process still runs. */
function liveHolder(name: string): number | undefined {
  const [, boot, pid, started] = name.split(".");
  if (boot !== bootId()) return undefined;
  return startTime(Number(pid)) === started ? Number(pid) : undefined;
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
}

/** Field 22 of /proc/PID/stat, in ticks since the boot; the command before it may hold spaces and parentheses. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const isZombie = fields[0] === "Z" || fields[0] === "X";
    return isZombie ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

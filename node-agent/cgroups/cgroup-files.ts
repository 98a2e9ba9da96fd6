import { closeSync, constants, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock";

/*
 * The kernel answers these from memory: a thread that is woken for each, and wakes this one again, takes ten times as long.
 */

/** With its parents. @returns whether it was not there */
export function makeGroup(folder: string): boolean {
  return mkdirSync(folder, { recursive: true }) !== undefined;
}

/** @returns undefined when the group or the file is not there */
export async function readCgroupFile(path: string): Promise<string | undefined> {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Never tries to create one, so that a missing one is ENOENT: the kernel says EACCES to whoever does. */
export async function writeCgroupFile(path: string, value: string | number): Promise<void> {
  try {
    const file = openSync(path, constants.O_WRONLY);
    try {
      writeSync(file, String(value));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new Error(`cannot write ${value} to ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Why the kernel refused: `EBUSY`, `EINVAL` … */
export function refusalCode(error: unknown): string | undefined {
  const { code, cause } = error as NodeJS.ErrnoException;
  return code ?? (cause === undefined ? undefined : refusalCode(cause));
}

/** Of a file of `key value` lines: `memory.stat`, `memory.events`, `cpu.stat`, `memory.oom_control`. */
export function flatKey(text: string, key: string): number | undefined {
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${key} `));
  return line === undefined ? undefined : Number(line.slice(key.length + 1));
}

export async function childGroups(folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** The group itself last. Empty when it is not there. */
async function groupsBottomUp(folder: string): Promise<readonly string[]> {
  const below = await Promise.all((await childGroups(folder)).map((name) => groupsBottomUp(join(folder, name))));
  return [...below.flat(), folder];
}

/** SIGKILL to every process in the group and below, by number. */
export async function killGroup(folder: string): Promise<void> {
  for (const group of await groupsBottomUp(folder)) {
    const processes = (await readCgroupFile(join(group, "cgroup.procs"))) ?? "";
    for (const pid of processes.split("\n").filter((line) => line !== "" && line !== "0")) killOne(Number(pid));
  }
}

/** A killed process leaves its group a moment later, so a busy group is killed and tried again. */
export async function removeGroup(folder: string, clock: Clock, kill = killGroup): Promise<void> {
  const attempts = 50;
  for (let attempt = 1; ; attempt++) {
    await kill(folder);
    const failure = await removeBottomUp(folder);
    if (failure === undefined) return;
    if (attempt === attempts) throw new Error(`cannot remove the cgroup ${folder}: ${failure.message}`, { cause: failure });
    await clock.sleep(Math.min(attempt * 2, 50));
  }
}

async function removeBottomUp(folder: string): Promise<Error | undefined> {
  for (const group of await groupsBottomUp(folder)) {
    try {
      await rmdir(group);
    } catch (error) {
      if (!isGone(error)) return error as Error;
    }
  }
  return undefined;
}

function killOne(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** ENODEV: the group went away while its file was open. */
export function isGone(error: unknown): boolean {
  const code = refusalCode(error);
  return code === "ENOENT" || code === "ENODEV" || code === "ENOTDIR";
}

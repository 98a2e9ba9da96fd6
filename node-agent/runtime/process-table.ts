import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";

/** A process, safe against the reuse of its number: `startTime` is field 22 of /proc/PID/stat, in clock ticks since boot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: number;
}

interface Stat {
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  readonly startTime: number;
}

/** @returns undefined when there is no such process */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readStat(pid);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime };
}

/** A zombie is not alive: it waits for its parent only. */
export async function isAlive(process: ProcessIdentity): Promise<boolean> {
  const stat = await readStat(process.pid);
  return stat?.startTime === process.startTime && stat.state !== "Z" && stat.state !== "X";
}

/** Signals it unless it is gone or its number belongs to another by now. */
export async function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals | number): Promise<void> {
  if (!(await isAlive(target))) return;
  try {
    process.kill(target.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export async function listProcessIds(): Promise<readonly number[]> {
  return (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
}

/** @returns undefined when there is no such process */
export async function sessionOf(pid: number): Promise<number | undefined> {
  return (await readStat(pid))?.session;
}

/** Every live process of a session, the leader among them. */
async function sessionMembers(session: number): Promise<readonly ProcessIdentity[]> {
  const all = await Promise.all((await listProcessIds()).map(async (pid) => ({ pid, stat: await readStat(pid) })));
  return all.flatMap(({ pid, stat }) => {
    const isMember = stat?.session === session && stat.state !== "Z" && stat.state !== "X";
    return isMember ? [{ pid, startTime: stat.startTime }] : [];
  });
}

export async function childrenOf(parent: number): Promise<readonly ProcessIdentity[]> {
  const all = await Promise.all((await listProcessIds()).map(async (pid) => ({ pid, stat: await readStat(pid) })));
  return all.flatMap(({ pid, stat }) => (stat?.parent === parent ? [{ pid, startTime: stat.startTime }] : []));
}

/** Ends every process of a session, its leader among them. */
export async function killMembers(session: number): Promise<void> {
  await Promise.all((await sessionMembers(session)).map((member) => signalProcess(member, "SIGKILL")));
}

/** The command name in parentheses may itself hold spaces and parentheses. */
export function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", parent: Number(fields[1]), session: Number(fields[3]), startTime: Number(fields[19]) };
}

/** The kernel makes it up in less time than another thread would take to be woken for it. */
async function readStat(pid: number): Promise<Stat | undefined> {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}

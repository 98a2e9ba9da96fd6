import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { succeed } from "#test/e2e/run";

/** What really is in memory of a process: VmRSS, in MB. */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024) / 1e6;
}

/** How much of one core each process used while `seconds` went by, in percent; what its children used is not counted. */
export async function cpuPercent(pids: readonly number[], seconds: number): Promise<number[]> {
  const ticksPerSecond = Number(await succeed(["getconf", "CLK_TCK"]));
  const before = await Promise.all(pids.map(cpuTicks));
  const started = performance.now();
  await sleep(seconds * 1000);
  const elapsed = (performance.now() - started) / 1000;
  const after = await Promise.all(pids.map(cpuTicks));
  return after.map((ticks, index) => (100 * (ticks - (before[index] ?? 0))) / ticksPerSecond / elapsed);
}

/** utime and stime of /proc/PID/stat. The name before them may hold anything, also brackets and spaces. */
async function cpuTicks(pid: number): Promise<number> {
  return ticksOf(await readFile(`/proc/${pid}/stat`, "utf8"));
}

function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** Of the processor, used by the process so far. */
export function cpuSeconds(pid: number): number {
  return ticksOf(readFileSync(`/proc/${pid}/stat`, "utf8")) / (ticksPerSecond ??= Number(execFileSync("getconf", ["CLK_TCK"])));
}

let ticksPerSecond: number | undefined;

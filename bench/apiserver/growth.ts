import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { median, row, rowTimes, type Row } from "../table.ts";
import type { BenchOptions } from "./apiserver.ts";
import type { BenchCluster, Loaded } from "./bench-cluster.ts";
import { withCluster } from "./bench-cluster.ts";
import type { LoadProcess } from "./load.ts";
import { podPath } from "./pods.ts";
import { drawGrowth, type Size } from "./draw-growth.ts";

const sizes = [1_000, 10_000, 50_000, 150_000];
/** At each size so many times so many more are created, and deleted again. */
const probes = 5;
const probePods = 1_000;
/** So long V8 needs to find out that nothing happens, and to give back what it does not need. */
const settleMs = 20_000;

/** What each further pod costs: creates a second, the slowest of them, memory, and how long the next start takes. */
export async function growth({ say, report }: BenchOptions): Promise<readonly Row[]> {
  return withCluster([], async (cluster, load) => {
    await cluster.namespace("bench");
    await cluster.namespace("probe");
    // The first writes of a process are slow; how slow is not the question here.
    await probe(cluster, load);
    const measured: Size[] = [];
    let count = 0;
    for (const size of sizes) {
      await cluster.createPods(load, "bench", size - count, { from: count });
      count = size;
      const writes = await probe(cluster, load);
      const memory = await settledMemory(cluster.pid);
      measured.push({ pods: size, ...writes, ...memory });
      say(
        `${size} pods: ${Math.round(writes.perSecond)} creates/s, p99 ${writes.p99.toFixed(1)} ms, ${Math.round(memory.privateMb)} MB of its own, ${Math.round(memory.residentMb)} MB resident`,
      );
    }
    await cluster.down();
    const began = performance.now();
    await cluster.up();
    await cluster.get("/api/v1/namespaces/bench/pods?limit=500");
    const openedMs = performance.now() - began;
    say(`opened ${count} pods to the first list in ${Math.round(openedMs)} ms`);
    await writeFile(report, drawGrowth(measured));
    say(`drawn in ${report}`);
    return rowsOf(measured, openedMs);
  });
}

/** @returns the medians */
async function probe(cluster: BenchCluster, load: LoadProcess): Promise<Pick<Size, "perSecond" | "p99">> {
  const creates: Loaded[] = [];
  for (let turn = 0; turn < probes; turn++) {
    creates.push(await cluster.createPods(load, "probe", probePods));
    await cluster.load(load, { clients: 64, count: probePods, method: "DELETE", path: podPath("probe", "%N") });
  }
  return { perSecond: median(creates.map(({ perSecond }) => perSecond)), p99: median(creates.map(({ p99 }) => p99)) };
}

/** Of its own: what is not a file of the store mapped into memory, which the kernel takes back when it needs it. */
async function settledMemory(pid: number): Promise<{ readonly privateMb: number; readonly residentMb: number }> {
  await sleep(settleMs);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string): number => (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024) / 1e6;
  return { privateMb: field("RssAnon"), residentMb: field("VmRSS") };
}

function rowsOf(measured: readonly Size[], openedMs: number): readonly Row[] {
  const at = (pods: number): Size => {
    const found = measured.find((size) => size.pods === pods);
    if (found === undefined) throw new Error(`${pods} pods were not measured`);
    return found;
  };
  const [small, ten, large] = [at(1_000), at(10_000), at(150_000)];
  const kilobytes = ((large.privateMb - ten.privateMb) * 1e3) / (large.pods - ten.pods);
  return [
    rowTimes("creates a second at 150,000 pods / at 1,000", large.perSecond, "/s", small.perSecond, 0.5, { p99: large.p99 }),
    row("p99 of creates at 150,000 pods / at 1,000", large.p99, "ms", small.p99, 2 * small.p99),
    row("memory of each pod beyond 10,000 / before", kilobytes, "KB", (ten.privateMb * 1e3) / ten.pods, 8),
    row("start with 150,000 pods to the first list / aim", openedMs, "ms", 3000, 3000),
  ];
}

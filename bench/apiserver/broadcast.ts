import { setTimeout as sleep } from "node:timers/promises";
import { median, rowTimes, type Row } from "../table.ts";
import type { BenchOptions } from "./apiserver.ts";
import { startBareServer } from "./bare-server.ts";
import { strategicPatch, withCluster } from "./bench-cluster.ts";
import type { Target } from "./connection.ts";
import { LoadProcess } from "./load.ts";
import { podPath, statusPatch } from "./pods.ts";

const watchers = 1000;
const events = 200;
const patienceMs = 120_000;

/** One writer, and a thousand who watch. */
export async function broadcast({ rounds, say }: BenchOptions): Promise<readonly Row[]> {
  return withCluster([], async (cluster, load) => {
    await cluster.namespace("bench");
    await cluster.createPods(load, "bench", 1);
    await cluster.writeStatuses(load, "bench", 1);
    const pod = await cluster.get(podPath("bench", 0));
    const line = Buffer.concat([Buffer.from('{"type":"MODIFIED","object":'), pod, Buffer.from("}\n")]);
    const bare = await startBareServer({ "/event": line });
    try {
      const write = { method: "PATCH", path: `${podPath("bench", 0)}/status`, body: statusPatch(), contentType: strategicPatch };
      const measured: { ours: number; bare: number; cpu: number }[] = [];
      for (let round = 1; round <= rounds; round++) {
        const version = /"resourceVersion":"(\d+)"/.exec((await cluster.get(podPath("bench", 0))).toString())?.[1] ?? "";
        const path = `/api/v1/namespaces/bench/pods?watch=true&resourceVersion=${version}`;
        let perSecond = 0;
        const { cpu } = await cluster.measured(async () => {
          const [rate, seconds] = await delivered(load, cluster.target, path, { ...write, from: round * events });
          perSecond = rate;
          return { seconds, done: 0, bytes: 0, p50: 0, p99: 0 };
        });
        const [bareRate] = await delivered(load, bare.target, "/watch", { method: "POST", path: "/event", from: 0 });
        measured.push({ ours: perSecond, bare: bareRate, cpu });
        say(`broadcast, round ${round} of ${rounds}: ${Math.round(perSecond)} events/s (${Math.round(bareRate)})`);
      }
      const middle = (of: (one: (typeof measured)[number]) => number): number => median(measured.map(of));
      const [ours, theirs] = [middle((one) => one.ours), middle((one) => one.bare)];
      return [
        rowTimes(`events to ${watchers} watchers / node:https broadcasting`, ours, "/s", theirs, 0.5, {
          cpu: middle(({ cpu }) => cpu),
        }),
      ];
    } finally {
      await bare.stop();
    }
  });
}

interface Write {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly from: number;
}

/** From the first write until the last watcher has seen the last event. @returns events a second, and how long it took */
async function delivered(writer: LoadProcess, target: Target, path: string, write: Write): Promise<[number, number]> {
  const audience = LoadProcess.start();
  try {
    await audience.run({ kind: "watches", target, count: watchers, path });
    await sleep(500);
    const before = await audience.seen();
    const began = performance.now();
    const writing = writer.run({ kind: "requests", target, clients: 1, count: events, ...write });
    while ((await audience.seen()) - before < watchers * events) {
      if (performance.now() - began > patienceMs) throw new Error(`only ${await audience.seen()} events came`);
      await sleep(20);
    }
    const seconds = (performance.now() - began) / 1000;
    await writing;
    return [(watchers * events) / seconds, seconds];
  } finally {
    await audience.stop();
  }
}

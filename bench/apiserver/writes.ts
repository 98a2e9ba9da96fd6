import { RealEtcd } from "#apiserver/storage/etcd/real-etcd.testing";
import { median, rowTimes, type Row } from "../table.ts";
import type { BenchOptions } from "./apiserver.ts";
import type { BenchCluster } from "./bench-cluster.ts";
import { mergePatch, strategicPatch, withCluster, type Loaded } from "./bench-cluster.ts";
import type { LoadProcess } from "./load.ts";
import { type Measured } from "./load.ts";
import { podPath, statusPatch } from "./pods.ts";

const clients = 64;
const writesPerRound = 3000;

interface Round {
  readonly raw: Measured;
  readonly created: Loaded;
  readonly createdGzip: Loaded;
  readonly patched: Loaded;
  readonly status: Loaded;
}

/** 64 clients write pods, and 64 in flight put as many bytes into a bare etcd on the same disk. */
export async function writes(store: "embedded" | "etcd", aim: number, { rounds, say }: BenchOptions): Promise<readonly Row[]> {
  return withCluster(["--store", store], async (cluster, load) => {
    await cluster.namespace("bench");
    await cluster.createPods(load, "bench", 2000);
    const bytes = (await cluster.get(podPath("bench", 0))).length;
    const etcd = await RealEtcd.start();
    const measured: Round[] = [];
    try {
      for (let round = 1; round <= rounds; round++) {
        const one = await oneRound(cluster, load, etcd.servers[0] ?? "", bytes, round);
        measured.push(one);
        say(
          `${store}, round ${round} of ${rounds}: ${Math.round(one.created.perSecond)} creates/s, etcd ${Math.round(perSecond(one.raw))} puts/s of ${bytes} bytes`,
        );
      }
    } finally {
      await etcd.remove();
    }
    return rowsOf(store, aim, measured);
  });
}

async function oneRound(cluster: BenchCluster, load: LoadProcess, url: string, bytes: number, round: number): Promise<Round> {
  const from = round * 10 * writesPerRound;
  const raw = await load.run({ kind: "etcd", url, clients, count: writesPerRound, bytes });
  const created = await cluster.createPods(load, "bench", writesPerRound, { from });
  const createdGzip = await cluster.createPods(load, "bench", writesPerRound, { from: from + writesPerRound, gzip: true });
  // Each client has a pod of its own.
  const path = `${podPath("bench", 0).slice(0, -1)}%C`;
  const patch = JSON.stringify({ metadata: { labels: { turn: "n%N" } } });
  const work = { clients, count: writesPerRound, from, method: "PATCH" };
  const patched = await cluster.load(load, { ...work, path, body: patch, contentType: mergePatch });
  const status = await cluster.load(load, { ...work, path: `${path}/status`, body: statusPatch(), contentType: strategicPatch });
  return { raw, created, createdGzip, patched, status };
}

function rowsOf(store: string, aim: number, rounds: readonly Round[]): readonly Row[] {
  const middle = (of: (round: Round) => number): number => median(rounds.map(of));
  const row = (name: string, of: (round: Round) => Loaded, baseline: (round: Round) => number, wanted: number): Row =>
    rowTimes(
      name,
      middle((round) => of(round).perSecond),
      "/s",
      middle(baseline),
      wanted,
      {
        p50: middle((round) => of(round).p50),
        p99: middle((round) => of(round).p99),
        cpu: middle((round) => of(round).cpu),
      },
    );
  const raw = (round: Round): number => perSecond(round.raw);
  const created = (round: Round): number => round.created.perSecond;
  return [
    row(`create pods, ${store} store / raw etcd put`, (round) => round.created, raw, aim),
    row(`  the same, clients take gzip`, (round) => round.createdGzip, raw, aim),
    row(`patch a label, ${store} store / create`, (round) => round.patched, created, 0.8),
    row(`patch the status, ${store} store / create`, (round) => round.status, created, 0.8),
  ];
}

function perSecond({ done, seconds }: Measured): number {
  return done / seconds;
}

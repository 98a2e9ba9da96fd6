import { median, row, rowTimes, type Row } from "../table.ts";
import type { BenchOptions } from "./apiserver.ts";
import { startBareServer, type BareServer } from "./bare-server.ts";
import type { BenchCluster } from "./bench-cluster.ts";
import { withCluster, type Loaded } from "./bench-cluster.ts";
import { LoadProcess, type Measured } from "./load.ts";
import { podPath } from "./pods.ts";

const podCount = 10_000;
const ofOneNode = 50;
const node = "bench-node";

interface Round {
  readonly get: Loaded;
  readonly bareGet: Measured;
  readonly list: Loaded;
  readonly bareList: Measured;
  readonly listGzip: Loaded;
  readonly bareListGzip: Measured;
  readonly byNode: Loaded;
  readonly large: Loaded;
}

interface Latencies {
  readonly idle: Measured;
  readonly busy: Measured;
  readonly loopback: Measured;
}

/** What 10,000 pods cost to read, and how long a write takes to be seen while that goes on. */
export async function reads({ rounds, say }: BenchOptions): Promise<readonly Row[]> {
  return withCluster([], async (cluster, load) => {
    await fill(cluster, load);
    const pod = await cluster.get(podPath("bench", 0));
    const list = await cluster.get(listPath);
    const ofNode = await cluster.get(nodePath);
    await largePod(cluster, ofNode.length);
    const bare = await startBareServer({ "/pod": pod, "/stream": list, "/stream/gzip": list });
    try {
      const measured: Round[] = [];
      for (let round = 1; round <= rounds; round++) {
        const one = await oneRound(cluster, load, bare);
        measured.push(one);
        say(
          `reads, round ${round} of ${rounds}: ${Math.round(one.get.perSecond)} gets/s (${Math.round(one.bareGet.done / one.bareGet.seconds)}), lists ${Math.round(megabytes(one.list))} MB/s (${Math.round(megabytes(one.bareList))})`,
        );
      }
      const latencies: Latencies[] = [];
      await prepareLatency(cluster);
      for (let round = 1; round <= rounds; round++) {
        const one = await latenciesOf(cluster, load, bare);
        latencies.push(one);
        say(
          `latency, round ${round} of ${rounds}: p99 ${one.idle.p99.toFixed(1)} ms idle, ${one.busy.p99.toFixed(1)} ms under load; latest lease ${Math.round(one.busy.latestMs ?? 0)} ms`,
        );
      }
      return [...rowsOf(measured), ...latencyRows(latencies)];
    } finally {
      await bare.stop();
    }
  });
}

const listPath = "/api/v1/namespaces/bench/pods";
const nodePath = `/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`;

async function fill(cluster: BenchCluster, load: LoadProcess): Promise<void> {
  await cluster.create("/api/v1/nodes", { metadata: { name: node } });
  await cluster.namespace("bench");
  await cluster.createPods(load, "bench", podCount - ofOneNode);
  await cluster.createPods(load, "bench", ofOneNode, { from: podCount - ofOneNode, fields: { nodeName: node } });
  await cluster.writeStatuses(load, "bench", podCount);
}

/** One pod with as many bytes as those of the node have together. */
async function largePod(cluster: BenchCluster, bytes: number): Promise<void> {
  const containers = [{ name: "web", image: "shop:1", args: ["x".repeat(Math.max(bytes - 2000, 1))] }];
  await cluster.create(listPath, { metadata: { name: "large" }, spec: { schedulerName: "nobody", containers } });
}

async function oneRound(cluster: BenchCluster, load: LoadProcess, bare: BareServer): Promise<Round> {
  const get = { clients: 50, count: 20_000, method: "GET" };
  const list = { clients: 1, count: 5, method: "GET" };
  const some = { clients: 8, count: 400, method: "GET" };
  const bareLoad = (work: object, path: string): Promise<Measured> =>
    load.run({ kind: "requests", target: bare.target, path, ...get, ...work });
  return {
    get: await cluster.load(load, { ...get, path: podPath("bench", 0) }),
    bareGet: await bareLoad(get, "/pod"),
    list: await cluster.load(load, { ...list, path: listPath }),
    bareList: await bareLoad(list, "/stream"),
    listGzip: await cluster.load(load, { ...list, path: listPath, gzip: true }),
    bareListGzip: await bareLoad({ ...list, gzip: true }, "/stream/gzip"),
    byNode: await cluster.load(load, { ...some, path: nodePath }),
    large: await cluster.load(load, { ...some, path: `${listPath}/large` }),
  };
}

function rowsOf(rounds: readonly Round[]): readonly Row[] {
  const middle = (of: (round: Round) => number): number => median(rounds.map(of));
  const details = (of: (round: Round) => Loaded): { p50: number; p99: number; cpu: number } => ({
    p50: middle((round) => of(round).p50),
    p99: middle((round) => of(round).p99),
    cpu: middle((round) => of(round).cpu),
  });
  const lists = ({ done, seconds }: Measured): number => done / seconds;
  return [
    rowTimes(
      "get a pod, 50 clients / node:https",
      middle(({ get }) => get.perSecond),
      "/s",
      middle(({ bareGet }) => lists(bareGet)),
      0.6,
      details(({ get }) => get),
    ),
    rowTimes(
      `list ${podCount} pods / node:https streaming`,
      middle(({ list }) => megabytes(list)),
      "MB/s",
      middle(({ bareList }) => megabytes(bareList)),
      0.5,
      details(({ list }) => list),
    ),
    // Compressed bytes are not comparable: whole lists are.
    rowTimes(
      "  the same with gzip, lists",
      middle(({ listGzip }) => lists(listGzip)),
      "/s",
      middle(({ bareListGzip }) => lists(bareListGzip)),
      0.5,
      details(({ listGzip }) => listGzip),
    ),
    rowTimes(
      `list ${ofOneNode} of ${podCount} by node / get of as much`,
      middle(({ byNode }) => byNode.perSecond),
      "/s",
      middle(({ large }) => large.perSecond),
      0.3,
      details(({ byNode }) => byNode),
    ),
  ];
}

const latencyNamespace = "bench-latency";
const leases = 20;

async function prepareLatency(cluster: BenchCluster): Promise<void> {
  await cluster.namespace(latencyNamespace);
  await cluster.namespace("bench-busy");
  await cluster.create(`/api/v1/namespaces/${latencyNamespace}/configmaps`, { metadata: { name: "stamped" } });
  for (let lease = 0; lease < leases; lease++) {
    await cluster.create(`/apis/coordination.k8s.io/v1/namespaces/${latencyNamespace}/leases`, {
      metadata: { name: `l${lease}` },
    });
  }
}

let created = podCount;

async function latenciesOf(cluster: BenchCluster, load: LoadProcess, bare: BareServer): Promise<Latencies> {
  const work = { kind: "latency", target: cluster.target, everyMs: 20, leases } as const;
  const loopback = await load.run({
    kind: "requests",
    target: bare.target,
    clients: 1,
    count: 1000,
    method: "GET",
    path: "/none",
  });
  const idle = await load.run({ ...work, writes: 250 });
  const others = [LoadProcess.start(), LoadProcess.start()] as const;
  try {
    const busy = load.run({ ...work, writes: 250 });
    let over = false;
    const lists = repeat(
      () => over,
      () => others[0].run({ kind: "requests", target: cluster.target, clients: 1, count: 1, method: "GET", path: listPath }),
    );
    const creates = repeat(
      () => over,
      () => cluster.createPods(others[1], "bench-busy", 200, { clients: 8, from: (created += 200) }),
    );
    const measured = await busy.finally(() => (over = true));
    await Promise.all([lists, creates]);
    return { idle, busy: measured, loopback };
  } finally {
    await Promise.all(others.map((other) => other.stop()));
  }
}

async function repeat(isOver: () => boolean, work: () => Promise<unknown>): Promise<void> {
  while (!isOver()) await work();
}

function latencyRows(rounds: readonly Latencies[]): readonly Row[] {
  const middle = (of: (round: Latencies) => number): number => median(rounds.map(of));
  const loopback = middle((one) => one.loopback.p99);
  return [
    row(
      "p99 from write acknowledged to event, idle / loopback round trip",
      middle(({ idle }) => idle.p99),
      "ms",
      loopback,
      5,
    ),
    row(
      "  while lists and creates go on",
      middle(({ busy }) => busy.p99),
      "ms",
      loopback,
      50,
    ),
    row(
      "  latest of 20 leases a second",
      middle(({ busy }) => busy.latestMs ?? Number.NaN),
      "ms",
      loopback,
      1000,
    ),
  ];
}

function megabytes({ bytes, seconds }: Measured): number {
  return bytes / 1e6 / seconds;
}

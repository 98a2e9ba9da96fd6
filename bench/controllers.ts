import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { Deployment, Pod } from "#api/generated/types";
import { keyOf } from "#api/object";
import { deployments, pods } from "#api/resource-type";
import { openEmbeddedStorage } from "#apiserver/storage/embedded/embedded-storage";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import type { Storage } from "#apiserver/storage/storage";
import type { ApiClient } from "#client/api-client";
import { startControlPlane } from "#cluster/control-plane";
import { memoryPki, type Pki } from "#cluster/pki/pki";
import { registerHollowNode, runHollowNodes } from "#test/control-plane/hollow-kubelet";
import { CountedStorage } from "./counted-storage.ts";
import { median, row, rowAbove, type Row } from "./table.ts";

const owners = 100;
const replicas = 10;
const wanted = owners * replicas;
const nodeCount = 20;
const rawWriters = 64;
const quietMs = 500;
const patienceMs = 120_000;

type Store = "embedded" | "memory";

interface Round {
  readonly rolled: Speed;
  readonly raw: Speed;
  /** By what they were, events included. */
  readonly writes: ReadonlyMap<string, number>;
}

/**
 * The whole control plane as `skiff up` has it, in this process: 100 Deployments of 10 pods, from the first request until the last
 * Deployment says that all its pods are available. The nodes are one loop that answers each bound pod with one status, because it is
 * not the nodes that are measured; its time counts, as everything here shares one core. Beside it the same server takes as many raw
 * writes of pods, from nobody but the bench.
 */
export async function benchControllers(rounds: number, say: (text: string) => void): Promise<readonly Row[]> {
  const pki = await memoryPki(systemClock, systemRandom);
  const rows: Row[] = [];
  for (const store of ["embedded", "memory"] as const) {
    const measured: Round[] = [];
    for (let round = 1; round <= rounds; round++) {
      const one = await oneRound(store, pki);
      measured.push(one);
      say(`${store} store, round ${round} of ${rounds}: ${describe(one)}`);
    }
    rows.push(...rowsOf(store, measured));
  }
  return rows;
}

const shared = { clock: systemClock, random: systemRandom, log: silentLogger };

function rowsOf(store: Store, rounds: readonly Round[]): readonly Row[] {
  const middle = (of: (round: Round) => number): number => median(rounds.map(of));
  const perPod = (which: (name: string) => boolean) =>
    middle(({ writes }) => [...writes].reduce((sum, [name, count]) => sum + (which(name) ? count : 0), 0) / wanted);
  const isEvent = (name: string): boolean => name.endsWith(" events");
  return [
    rowAbove(
      `${owners} Deployments x ${replicas} pods, ${store} store / raw writes`,
      middle(({ rolled }) => rolled.podsPerSecond),
      "pods/s",
      middle(({ raw }) => raw.podsPerSecond),
      300,
    ),
    row(
      `processor time of a pod, ${store} store / raw writes`,
      middle(({ rolled }) => rolled.cpuMsPerPod),
      "ms",
      middle(({ raw }) => raw.cpuMsPerPod),
      1000 / 300,
    ),
    row(
      `writes, ${store} store / create, bind, status`,
      perPod((name) => !isEvent(name)),
      "a pod",
      3,
      6,
    ),
    row(`events, ${store} store / created, scheduled`, perPod(isEvent), "a pod", 2, 3),
  ];
}

async function oneRound(store: Store, pki: Pki): Promise<Round> {
  const folder = await mkdtemp(join(tmpdir(), "skiff-bench-"));
  try {
    const rolled = await withPlane(store, join(folder, "rollout"), pki, rollOut);
    const raw = await withPlane(store, join(folder, "raw"), pki, writeRaw);
    return { rolled: rolled.speed, raw: raw.speed, writes: rolled.writes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The time of the processor says the same on a machine that is busy with other things. */
interface Speed {
  readonly podsPerSecond: number;
  readonly cpuMsPerPod: number;
}

interface Measured {
  readonly speed: Speed;
  readonly writes: ReadonlyMap<string, number>;
}

async function withPlane(
  store: Store,
  directory: string,
  pki: Pki,
  measure: (client: ApiClient, storage: CountedStorage) => Promise<Measured>,
): Promise<Measured> {
  const inner: Storage = store === "memory" ? new MemoryStorage(shared) : await openEmbeddedStorage({ ...shared, directory });
  const storage = new CountedStorage(inner);
  const plane = await startControlPlane({ ...shared, storage, pki });
  try {
    return await measure(plane.clientFor("admin", ["system:masters"]), storage);
  } finally {
    await plane.close();
    await storage.close();
  }
}

async function rollOut(client: ApiClient, storage: CountedStorage): Promise<Measured> {
  const stop = new AbortController();
  const names = Array.from({ length: nodeCount }, (_, index) => `hollow-${index}`);
  await Promise.all(names.map((name) => registerHollowNode(client, name)));
  const nodes = runHollowNodes(client, stop.signal);
  try {
    await untilQuiet(storage);
    storage.writes.clear();
    const available = untilAvailable(client);
    const speed = await speedOf(async () => {
      await Promise.all(Array.from({ length: owners }, (_, index) => client.create(deployments, deployment(`d${index}`))));
      await available;
    });
    // What is still being written belongs to it.
    await untilQuiet(storage);
    return { speed, writes: storage.writes };
  } finally {
    stop.abort(new Error("measured"));
    await nodes;
  }
}

async function untilAvailable(client: ApiClient): Promise<void> {
  const signal = AbortSignal.timeout(patienceMs);
  const done = new Set<string>();
  for await (const event of client.watch(deployments, { resourceVersion: "", signal })) {
    if (event.type === "BOOKMARK" || event.object.status?.availableReplicas !== replicas) continue;
    if (done.add(event.object.metadata.name).size === owners) return;
  }
  throw new Error("the watch of the Deployments ended before all were available");
}

async function untilQuiet(storage: CountedStorage): Promise<void> {
  const total = (): number => [...storage.writes.values()].reduce((sum, count) => sum + count, 0);
  for (let before = -1; before !== total();) {
    before = total();
    await systemClock.sleep(quietMs);
  }
}

/** What the least possible control plane would write of the same pods: each once whole, and its status twice. */
async function writeRaw(client: ApiClient, storage: CountedStorage): Promise<Measured> {
  const { template } = deployment("raw").spec ?? {};
  let next = 0;
  const write = async (): Promise<void> => {
    for (let index = next++; index < wanted; index = next++) {
      const metadata = { name: `raw-${index}`, namespace: "default", ...template?.metadata };
      // Nobody's: the scheduler of another name never comes.
      const pod: Pod = { metadata, spec: { containers: [], ...template?.spec, schedulerName: "nobody" } };
      const { metadata: created } = await client.create(pods, pod);
      for (const phase of ["Pending", "Running"]) {
        const patch = { metadata: { uid: created.uid }, status: { phase, message: phase } };
        await client.patch(pods, keyOf({ metadata: created }), { type: "strategic", patch }, { subresource: "status" });
      }
    }
  };
  const speed = await speedOf(() => Promise.all(Array.from({ length: rawWriters }, write)));
  return { speed, writes: storage.writes };
}

async function speedOf(work: () => Promise<unknown>): Promise<Speed> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { podsPerSecond: (wanted * 1000) / (performance.now() - started), cpuMsPerPod: (user + system) / 1000 / wanted };
}

function deployment(name: string): Deployment {
  const labels = { app: name };
  return {
    metadata: { name, namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "web", image: "hello:1", ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}

function describe({ rolled, raw, writes }: Round): string {
  const speed = ({ podsPerSecond, cpuMsPerPod }: Speed): string =>
    `${Math.round(podsPerSecond)} pods/s, ${cpuMsPerPod.toFixed(2)} ms of processor time each`;
  const counts = [...writes].toSorted(([, left], [, right]) => right - left).map(([name, count]) => `${name} ${count}`);
  return `${speed(rolled)} (raw: ${speed(raw)}); ${counts.join(", ")}`;
}

import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import { Client } from "./client.ts";
import type { History, Key } from "./history.ts";
import { Recorder } from "./recorder.ts";
import { Watcher } from "./watcher.ts";
import { NoAnswer, type Way } from "./way.ts";

export interface ExerciseOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** What one client goes by. */
  readonly wayOf: (name: string) => Way;
  /** How many operations all clients do together. */
  readonly operations: number;
  readonly clients?: number;
  /** What goes wrong meanwhile. Ends when the signal aborts, and leaves everything whole. */
  readonly disturb?: (exercise: Disturbed, signal: AbortSignal) => Promise<void>;
  /** Clients go on, beyond their operations, until this says so. */
  readonly mayStop?: () => boolean;
  /** A watcher that has not come to the end after this time never will. */
  readonly patienceMs?: number;
}

/** What those who disturb must know and tell. */
export interface Disturbed {
  /** Up to here the log is not needed any more by the one who sees everything. */
  readonly seen: number;
  /** To be said before it is done. */
  compacting(version: number): void;
}

const namespaces = ["history-a", "history-b"];
const keysEach = 5;

/** Clients and watchers at work together, until every watcher has seen the last write. @returns what they saw */
export async function exercise(options: ExerciseOptions): Promise<History> {
  const { clock, random, wayOf, operations, clients: count = 6, disturb, mayStop, patienceMs = 60_000 } = options;
  const recorder = new Recorder();
  const told: number[] = [];
  const clientOf = (name: string): Client => new Client({ name, way: wayOf(name), recorder, random, told });
  recorder.start = await prepare(wayOf("setup"), clock);
  const watchers = watcherPlans.map((plan) => {
    const way = wayOf(plan.name);
    return new Watcher({ ...plan, way, client: clientOf(plan.name), recorder, clock, random });
  });
  const [auditor] = watchers;
  if (auditor === undefined) throw new Error("somebody must see everything");
  const stop = new AbortController();
  const underWay = new Set(watchers.map(({ name }) => name));
  const watching = Promise.all(watchers.map((watcher) => watcher.run(stop.signal).finally(() => underWay.delete(watcher.name))));
  watching.catch(() => stop.abort());
  const calm = new AbortController();
  const disturbed: Disturbed = {
    get seen() {
      return auditor.position;
    },
    compacting: (version) => recorder.compaction(version),
  };
  const disturbing = disturb?.(disturbed, calm.signal);
  let left = operations;
  const keys = namespaces.flatMap((namespace) => Array.from({ length: keysEach }, (_, index): Key => `${namespace}/k${index}`));
  const work = async (client: Client): Promise<void> => {
    while (left-- > 0 || mayStop?.() === false) {
      await client.act(keys);
      await clock.sleep(random.float() ** 4 * 20);
    }
  };
  try {
    await Promise.all(Array.from({ length: count }, (_, index) => work(clientOf(`c${index}`))));
    calm.abort();
    await disturbing;
    const ends = await lastWrites(clientOf("end"), clock);
    for (const [index, { namespace }] of watcherPlans.entries())
      watchers[index]?.comeTo(namespace === undefined ? Math.max(...ends.values()) : (ends.get(namespace) ?? 0));
    const late = new AbortController();
    void watching.finally(() => late.abort()).catch(() => undefined);
    await clock.sleep(patienceMs, late.signal).catch(() => undefined);
    for (const name of underWay) recorder.stalled(`${name} has not seen the last write after ${patienceMs / 1000} s`);
    stop.abort();
    await watching;
    return recorder.history();
  } finally {
    calm.abort();
    stop.abort();
  }
}

/** The first one sees everything there is, and never leaves by itself. */
const watcherPlans: readonly { readonly name: string; readonly namespace?: string; readonly restless: number }[] = [
  { name: "auditor", restless: 0 },
  { name: "w-all", restless: 0.02 },
  { name: "w-a", namespace: "history-a", restless: 0.01 },
  { name: "w-b", namespace: "history-b", restless: 0.05 },
  { name: "w-flighty", restless: 0.3 },
];

async function prepare(way: Way, clock: Clock): Promise<number> {
  for (const name of namespaces)
    await insist(clock, async () => {
      const { status } = await way.send({ method: "POST", path: "/api/v1/namespaces", body: { metadata: { name } } });
      return status === 201 || status === 409;
    });
  let version = 0;
  await insist(clock, async () => {
    const { status, body } = await way.send({ method: "GET", path: "/api/v1/configmaps" });
    if (status !== 200) return false;
    if ((body.items ?? []).some(({ metadata }) => namespaces.includes(metadata?.namespace ?? "")))
      throw new Error("somebody has been here before");
    version = Number(body.metadata?.resourceVersion);
    return true;
  });
  return version;
}

/** One more object in each namespace, and a last look at everything. */
async function lastWrites(client: Client, clock: Clock): Promise<ReadonlyMap<string, number>> {
  const versions = new Map<string, number>();
  let attempts = 0;
  for (const namespace of namespaces) {
    const key = `${namespace}/last`;
    await insist(clock, async () => {
      const { outcome: written } = await client.perform({ type: "create", key, base: `last-${++attempts}` });
      const { outcome } = await client.perform({ type: "get", key, at: "latest" });
      if (outcome.type === "ok" && outcome.seen !== undefined) versions.set(namespace, outcome.seen.version);
      return written.type !== "unknown" && versions.has(namespace);
    });
  }
  await insist(clock, async () => (await client.perform({ type: "list", at: "latest" })).outcome.type === "ok");
  return versions;
}

const mostAttempts = 200;

async function insist(clock: Clock, attempt: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < mostAttempts; turn++) {
    try {
      if (await attempt()) return;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
    await clock.sleep(50);
  }
  throw new Error("the server does not come back");
}

import { runApiServer } from "#apiserver/main";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import type { Storage } from "#apiserver/storage/storage";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom, type Random } from "#base/random";
import { exercise, type Disturbed } from "./exercise.ts";
import { FaultyWay, noWayFaults, type WayFaults } from "./faulty-way.ts";
import type { History } from "./history.ts";
import { inProcessWay, type Served } from "./in-process-way.ts";
import { SlowStorage } from "./slow-storage.ts";

export interface InMemoryOptions {
  readonly seed: number;
  /** In PEM. The one thing that is not rolled from the seed. */
  readonly serviceAccountKey: string;
  readonly operations: number;
  /** What the API server has instead of the store. */
  readonly instead?: (storage: Storage, random: Random) => Storage;
}

/** A server in this process, on a clock of its own, with dice from one seed: the same seed leads to the same history. */
export async function exerciseMemory({ seed, serviceAccountKey, operations, instead }: InMemoryOptions): Promise<History> {
  const clock = new FakeClock();
  const random = seededRandom(seed);
  const shared = { clock, log: silentLogger };
  const memory = new MemoryStorage(shared);
  const slow = new SlowStorage(memory, { clock, random });
  const storage = instead?.(slow, random) ?? slow;
  let stop = new AbortController();
  let served: Served | undefined;
  let starts = 0;
  const start = async (): Promise<void> => {
    stop = new AbortController();
    const server = await runApiServer({ ...shared, random, storage, serviceAccountKey, checks: [], signal: stop.signal });
    served = { name: `server-${++starts}`, handle: server.handle };
  };
  const way = inProcessWay(() => {
    if (served === undefined) throw new Error("no server has been started");
    return served;
  });
  const faults = rollFaults(random);
  let isRough = true;
  const disturb = async (exercised: Disturbed, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(random.float() * 400, signal).catch(() => undefined);
      const roll = random.float();
      if (roll < 0.5) await compactSome(memory, exercised, random);
      else if (roll < 0.6) {
        stop.abort(new Error("the server was killed"));
        await start();
      }
    }
    isRough = false;
  };
  await start();
  const run = exercise({
    clock,
    random,
    operations,
    disturb,
    wayOf: (name) => {
      if (name === "setup" || name === "end") return way;
      return new FaultyWay({ way, clock, random, faults: () => (isRough ? faults : noWayFaults) });
    },
  });
  try {
    return await advancing(clock, random, run);
  } finally {
    stop.abort();
    await storage.close();
  }
}

/** Some ways are good, others hardly lead anywhere. */
function rollFaults(dice: Random): WayFaults {
  const badness = dice.float();
  const upTo = (most: number): number => dice.float() * most * badness;
  return { lost: upTo(0.1), unanswered: upTo(0.1), overtaken: upTo(0.1), slow: upTo(0.3), dropped: upTo(0.1) };
}

async function compactSome(storage: Storage, exercised: Disturbed, random: Random): Promise<void> {
  const version = exercised.seen - Math.floor(random.float() ** 2 * 30);
  if (version < 1) return;
  exercised.compacting(version);
  await storage.compact(version);
}

async function advancing<T>(clock: FakeClock, random: Random, run: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  run.then(over, over);
  while (!isOver) await clock.advance(random.float() * 20);
  return run;
}

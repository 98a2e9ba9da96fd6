import { fdatasync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { systemClock, type Clock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import { hasStorageReason, type Revision, type Storage, type WatchBatch } from "../../storage.ts";
import { openEmbeddedStorage } from "../embedded-storage.ts";
import { Tables, type TableWrite } from "../tables.ts";
import { describeValue, isLeased, makeValue } from "./crash-values.testing.ts";

/** What the parent asks, a line each. */
export type Command =
  /** Opens the store, and says what is there and what the log has after a revision. */
  | { readonly type: "open"; readonly directory: string; readonly after: Revision; readonly plant?: Plant }
  /** Writes until it is killed, saying everything that anybody was shown. */
  | { readonly type: "write"; readonly round: number; readonly seed: number }
  /** Waits until nothing with a lease is left, hours later as the store sees it, and says again what is there. */
  | { readonly type: "expire"; readonly directory: string; readonly after: Revision };

/** Mistakes for the tests to find: writes that are acknowledged before they are on the disk. */
export type Plant = "never flushed" | "flushed after the acknowledgement";

export type LoggedChange = readonly [key: string, id: string | null, previousId: string | null, previousRevision: Revision];

export interface State {
  readonly revision: Revision;
  readonly entries: readonly (readonly [key: string, revision: Revision, id: string])[];
  readonly log: readonly (readonly [revision: Revision, changes: readonly LoggedChange[]])[];
  /** What contradicts itself within one reading. */
  readonly contradictions: readonly string[];
}

/** What somebody was shown: by the answer to a write, to a read, or by a watch. A deletion has no id. */
export type Shown =
  | readonly [kind: "wrote" | "read" | "watched", key: string, revision: Revision, id: string | null]
  | readonly [kind: "failed", key: string, revision: Revision, message: string];

const writers = 16;
const keysPerWriter = 8;
const sharedKeys = 4;
/** How much faster time goes by for the store, so that leases of seconds end within a round. */
const speed = 20;

/** Goes on from process to process: the wall clock is the machine's, stretched. */
function fastClock(jumpMs: number): Clock {
  const stretched = (): number => systemClock.now() * speed;
  return {
    now: () => stretched() + jumpMs,
    monotonic: () => systemClock.monotonic() * speed,
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  };
}

function open(directory: string, jumpMs = 0, plant?: Plant): Promise<Storage> {
  const openTables = plant && ((folder: string) => plantedTables(folder, plant));
  return openEmbeddedStorage({ directory, clock: fastClock(jumpMs), log: silentLogger, ...(openTables && { openTables }) });
}

function plantedTables(directory: string, plant: Plant): Tables {
  return plant === "never flushed" ? new Tables(directory, { noSync: true }) : new LateTables(directory);
}

class LateTables extends Tables {
  readonly #file: number;

  constructor(directory: string) {
    super(directory, { noSync: true });
    this.#file = openSync(join(directory, "data"), "r+");
  }

  override async write(writes: readonly TableWrite[]): Promise<void> {
    await super.write(writes);
    fdatasync(this.#file, () => undefined);
  }
}

async function stateOf(storage: Storage, after: Revision): Promise<State> {
  const { entries, revision } = await storage.list("");
  const contradictions: string[] = [];
  for (const entry of entries) {
    const found = await storage.get(entry.key);
    if (found?.revision !== entry.revision && (await storage.revision()) === revision) {
      contradictions.push(`${entry.key} is listed at ${entry.revision} and read at ${found?.revision ?? "no revision"}`);
    }
  }
  return {
    revision,
    entries: entries.map(({ key, value, revision: at }) => [key, at, describeValue(value)]),
    log: await logBetween(storage, after, revision),
    contradictions,
  };
}

async function logBetween(storage: Storage, after: Revision, upTo: Revision): Promise<State["log"]> {
  const log: [Revision, LoggedChange[]][] = [];
  if (after >= upTo) return log;
  for await (const batch of storage.watch("", after, new AbortController().signal)) {
    if (!("changes" in batch)) continue;
    log.push([batch.revision, batch.changes.map(loggedChange)]);
    if (batch.revision >= upTo) break;
  }
  return log;
}

function loggedChange({ key, value, previous }: Extract<WatchBatch, { changes: unknown }>["changes"][number]): LoggedChange {
  return [
    key,
    value === undefined ? null : describeValue(value),
    previous === undefined ? null : describeValue(previous.value),
    previous?.revision ?? 0,
  ];
}

/** Creates, updates, deletes, with and without leases, some at keys that others write too, and reads what others wrote. */
async function write(storage: Storage, writer: number, round: number, seed: number): Promise<void> {
  const random = seededRandom(seed * 31 + writer);
  const roll = (below: number): number => Math.floor(random.float() * below);
  for (let turn = 0; ; turn++) {
    const key = roll(5) === 0 ? `/shared/${roll(sharedKeys)}` : `/own/${writer}/${roll(keysPerWriter)}`;
    const entry = await storage.get(key);
    if (entry !== undefined) show(["read", key, entry.revision, describeValue(entry.value)]);
    try {
      if (entry !== undefined && roll(4) === 0) {
        show(["wrote", key, await storage.delete(key, entry.revision), null]);
        continue;
      }
      const seconds = [undefined, undefined, undefined, 1 + roll(2), 36_000][roll(5)];
      const value = makeValue({
        round,
        writer,
        turn,
        isLeased: seconds !== undefined,
        size: [40, 400, 3_000, 9_000][roll(4)] ?? 0,
      });
      const options = seconds === undefined ? {} : { expiresAfterSeconds: seconds };
      const { revision } = await storage.put(key, value, entry?.revision ?? 0, options);
      show(["wrote", key, revision, describeValue(value)]);
    } catch (error) {
      if (hasStorageReason(error, "Conflict", "AlreadyExists")) continue;
      show(["failed", key, 0, String(error)]);
      // It writes nothing any more.
      if (hasStorageReason(error, "Unavailable")) return;
    }
  }
}

/** Gives up history, though none since the process started: the parent reads on from there. */
async function compact(storage: Storage): Promise<void> {
  const start = await storage.revision();
  for (let kept = 1500; kept >= 100; kept -= 100) {
    await systemClock.sleep(8);
    if (start - kept > 1) await storage.compact(start - kept);
  }
}

async function watch(storage: Storage): Promise<void> {
  for await (const batch of storage.watch("", await storage.revision(), new AbortController().signal)) {
    if (!("changes" in batch)) continue;
    for (const { key, value } of batch.changes) {
      show(["watched", key, batch.revision, value === undefined ? null : describeValue(value)]);
    }
  }
}

function show(shown: Shown): void {
  say(shown);
}

/** Into the pipe before the next step: what is in it outlives this process. */
function say(value: unknown): void {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
}

async function main(): Promise<void> {
  let storage: Storage | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as Command;
    switch (command.type) {
      case "open":
        storage = await open(command.directory, 0, command.plant);
        say(await stateOf(storage, command.after));
        break;
      case "write": {
        const { round, seed } = command;
        const opened = storage;
        if (opened === undefined) throw new Error("not open");
        void watch(opened);
        void compact(opened);
        for (let writer = 0; writer < writers; writer++) void write(opened, writer, round, seed);
        break;
      }
      case "expire": {
        await storage?.close();
        storage = await open(command.directory, 24 * 3_600_000);
        const leased = async (opened: Storage): Promise<boolean> =>
          (await opened.list("")).entries.some(({ value }) => isLeased(describeValue(value)));
        const deadline = systemClock.monotonic() + 10_000;
        while ((await leased(storage)) && systemClock.monotonic() < deadline) await systemClock.sleep(5);
        say(await stateOf(storage, command.after));
      }
    }
  }
}

// Whoever started it has gone.
await main().then(() => process.exit(0));

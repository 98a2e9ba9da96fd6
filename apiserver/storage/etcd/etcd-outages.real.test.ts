import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { hasStorageReason, type Change, type Revision, type Storage } from "../storage.ts";
import { openEtcdStorage, type EtcdStorage } from "./etcd-storage.ts";
import { RealEtcd, whyNoEtcd } from "./real-etcd.testing.ts";

const reason = whyNoEtcd();

const open = (servers: readonly string[]): Promise<EtcdStorage> =>
  openEtcdStorage({ etcd: { servers }, clock: systemClock, random: systemRandom, log: silentLogger });

describe.skipIf(reason !== "")(`an etcd that is killed${reason && ` (skipped: ${reason})`}`, () => {
  let etcd: RealEtcd;
  let storage: EtcdStorage;
  let stop: AbortController;

  beforeEach(() => {
    stop = new AbortController();
  });

  afterEach(async () => {
    stop.abort();
    await (storage as EtcdStorage | undefined)?.close();
    await (etcd as RealEtcd | undefined)?.remove();
  });

  it("delivers each of 20,000 events once and in order to a watcher that is replaying while it comes back", async () => {
    etcd = await RealEtcd.start();
    const writer = await open(etcd.servers);
    const start = await writer.revision();
    const value = Buffer.alloc(100, "x");
    for (let turn = 0; turn < 20_000; turn += 500)
      await Promise.all(Array.from({ length: 500 }, (_, index) => writer.put(`/registry/k/${turn + index}`, value, 0)));
    await writer.close();
    // Opened now, so that none of it comes from memory.
    storage = await open(etcd.servers);
    const revisions: Revision[] = [];
    const keys = new Set<string>();
    let kills = 0;
    for await (const batch of storage.watch("/registry/k/", start, stop.signal)) {
      if (!("changes" in batch)) continue;
      revisions.push(batch.revision);
      for (const { key } of batch.changes) keys.add(key);
      if (revisions.length % 6_000 === 3_000) {
        kills++;
        await etcd.kill();
        await etcd.restart();
      }
      if (revisions.length === 20_000) break;
    }
    expect(kills).toBe(3);
    expect(keys.size).toBe(20_000);
    expect(revisions).toEqual(Array.from({ length: 20_000 }, (_, index) => start + 1 + index));
  });

  it("keeps what it acknowledged to 64 writers, did nothing of what was refused, and its watch tells the same", async () => {
    etcd = await RealEtcd.start();
    storage = await open(etcd.servers);
    const tally = await writeThrough(storage, 64, async () => {
      for (let round = 0; round < 3; round++) {
        await systemClock.sleep(400);
        await etcd.kill();
        await systemClock.sleep(100);
        await etcd.restart();
        await etcd.whenReady();
      }
      await systemClock.sleep(400);
    });
    expect(tally.refused.size).toBeGreaterThan(0);
    await expectHistory(storage, tally, stop.signal);
  });

  it("goes on with the other members when the leader of three dies, while writing and watching", async () => {
    etcd = await RealEtcd.start(3);
    storage = await open(etcd.servers);
    const leader = await etcd.leader();
    const acknowledgedAfter: number[] = [];
    const tally = await writeThrough(storage, 16, async (written) => {
      await systemClock.sleep(400);
      await etcd.kill(leader);
      await expect.poll(written).toBeGreaterThan(written() + 500);
      acknowledgedAfter.push(written());
    });
    expect(acknowledgedAfter).toHaveLength(1);
    await expectHistory(storage, tally, stop.signal);
    await etcd.restart(leader);
  });

  it("gives up a member that hangs, for reads, writes and the watch", async () => {
    etcd = await RealEtcd.start(3);
    const frozen = (await etcd.leader()) === 0 ? 1 : 0;
    // The first one named is the one that is used.
    const servers = [...etcd.servers.slice(frozen), ...etcd.servers.slice(0, frozen)];
    storage = await open(servers);
    const events = storage.watch("/registry/k/", await storage.revision(), stop.signal)[Symbol.asyncIterator]();
    const pending = events.next();
    etcd.signal("SIGSTOP", frozen);
    await expect(storage.put("/registry/k/lost", Buffer.from("x"), 0)).rejects.toMatchObject({ reason: "OutcomeUnknown" });
    const { revision } = await storage.put("/registry/k/kept", Buffer.from("x"), 0);
    expect(await storage.revision()).toBeGreaterThanOrEqual(revision);
    const first = await pending;
    expect(first.done).toBe(false);
    etcd.signal("SIGCONT", frozen);
  });

  it("says Unavailable at once while it is away, as nothing can have happened, and that it is", async () => {
    etcd = await RealEtcd.start();
    storage = await open(etcd.servers);
    await etcd.kill();
    await expect.poll(() => storage.trouble.watch).toBeDefined();
    // The first one may have been under way when the connection broke.
    await storage.get("/registry/k/a").catch(() => undefined);
    const began = systemClock.monotonic();
    await expect(storage.put("/registry/k/a", Buffer.from("x"), 0)).rejects.toMatchObject({ reason: "Unavailable" });
    await expect(storage.get("/registry/k/a")).rejects.toMatchObject({ reason: "Unavailable" });
    expect(systemClock.monotonic() - began).toBeLessThan(3_000);
    expect(storage.trouble.requests).toContain("ECONNREFUSED");
    await etcd.restart();
    await expect.poll(() => storage.trouble).toEqual({});
    expect((await storage.put("/registry/k/a", Buffer.from("x"), 0)).revision).toBeGreaterThan(0);
  });
});

interface Tally {
  readonly start: Revision;
  /** By revision: what was written there. */
  readonly acknowledged: Map<Revision, string>;
  readonly unknown: Set<string>;
  readonly refused: Set<string>;
}

/**
 * Half of the writers count up a key of their own, reading it anew when they do not know what it is; the others create one key after
 * the other. Each value is written at most once.
 */
async function writeThrough(
  storage: Storage,
  writers: number,
  disturb: (written: () => number) => Promise<void>,
): Promise<Tally> {
  const tally: Tally = { start: await storage.revision(), acknowledged: new Map(), unknown: new Set(), refused: new Set() };
  const done = new AbortController();
  const write = async (writer: number): Promise<void> => {
    const creates = writer % 2 === 1;
    let expected: Revision | undefined = 0;
    for (let turn = 0; !done.signal.aborted; turn++) {
      const value = `${writer}-${turn}`;
      const key = `/registry/k/${creates ? value : writer}`;
      if (creates) expected = 0;
      try {
        expected ??= (await storage.get(key))?.revision ?? 0;
      } catch (error) {
        if (!hasStorageReason(error, "Unavailable")) throw error;
        await systemClock.sleep(20);
        continue;
      }
      try {
        expected = (await storage.put(key, Buffer.from(value), expected)).revision;
        tally.acknowledged.set(expected, value);
      } catch (error) {
        // Of what was refused nothing has happened: the key is still where it was.
        if (!hasStorageReason(error, "Unavailable")) expected = undefined;
        if (hasStorageReason(error, "OutcomeUnknown")) tally.unknown.add(value);
        else if (hasStorageReason(error, "Unavailable", "Conflict", "AlreadyExists")) tally.refused.add(value);
        else throw error;
        await systemClock.sleep(20);
      }
    }
  };
  const writing = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  await Promise.race([writing, disturb(() => tally.acknowledged.size)]).finally(() => done.abort());
  await writing;
  return tally;
}

/** The log has each acknowledged write where it was acknowledged, nothing that was refused, and leads to what is stored. */
async function expectHistory(storage: Storage, tally: Tally, signal: AbortSignal): Promise<void> {
  const { revision: last, entries } = await storage.list("/registry/k/");
  const log = new Map<Revision, Change>();
  const state = new Map<string, string>();
  const newest = Math.max(...entries.map(({ revision }) => revision));
  expect(newest).toBeLessThanOrEqual(last);
  for await (const batch of storage.watch("/registry/k/", tally.start, signal)) {
    if (!("changes" in batch)) continue;
    const [change] = batch.changes;
    if (change === undefined || batch.changes.length !== 1) throw new Error("each write has a revision of its own");
    expect(log.has(batch.revision)).toBe(false);
    const before = state.get(change.key);
    expect(change.previous && Buffer.from(change.previous.value).toString()).toBe(before);
    log.set(batch.revision, change);
    state.set(change.key, Buffer.from(change.value ?? []).toString());
    if (batch.revision >= newest) break;
  }
  const written = new Map([...log].map(([revision, { value }]) => [revision, Buffer.from(value ?? []).toString()]));
  for (const [revision, value] of tally.acknowledged) expect(written.get(revision)).toBe(value);
  const values = new Set(written.values());
  expect([...tally.refused].filter((value) => values.has(value))).toEqual([]);
  const accounted = new Set([...tally.acknowledged.values(), ...tally.unknown]);
  expect([...values].filter((value) => !accounted.has(value))).toEqual([]);
  expect([...state].sort()).toEqual(entries.map(({ key, value }) => [key, Buffer.from(value).toString()] as const).sort());
}

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  hasStorageReason,
  StorageError,
  type Dump,
  type DumpedEntry,
  type Entry,
  type Revision,
  type Storage,
  type WatchBatch,
} from "./storage.ts";

export interface OpenedStorage {
  readonly storage: Storage;
  /** Lets time pass for the store: a fake clock, or real waiting where the store has its own. */
  readonly clock: { advance(ms: number): Promise<void> };
  /** Closes it and opens the same data again; absent where nothing outlives the process. */
  readonly reopen?: () => Promise<Storage>;
  /** False: a dump does not show the values that were put, but what became of them. */
  readonly dumpsWhatItGot?: boolean;
  readonly cleanup: () => Promise<void>;
}

/** What every implementation of `Storage` promises, as tests. An implementation's own test calls this and adds what is special to it. */
export function describeStorage(name: string, open: () => Promise<OpenedStorage>): void {
  describe(name, () => {
    let opened: OpenedStorage;
    let storage: Storage;
    let stop: AbortController;

    beforeEach(async () => {
      opened = await open();
      storage = opened.storage;
      stop = new AbortController();
    });

    afterEach(async () => {
      stop.abort();
      await opened.cleanup();
    });

    const keysOf = (entries: readonly Entry[]) => entries.map(({ key }) => key.slice(root.length));
    const create = (key: string, text = key) => storage.put(root + key, encode(text), 0);
    const list = (prefix = "", options = {}) => storage.list(root + prefix, options);
    const watch = (after: Revision, prefix = "") => new Reading(storage.watch(root + prefix, after, stop.signal));

    describe("reading", () => {
      it("starts empty, at a revision that is not 0, because clients read 0 as any", async () => {
        expect(await storage.revision()).toBeGreaterThan(0);
        expect((await list()).entries).toEqual([]);
        expect(await storage.get(`${root}a`)).toBeUndefined();
        expect(await storage.count(root)).toBe(0);
      });

      it("gives back exactly the bytes that were put", async () => {
        const value = Uint8Array.from({ length: 256 }, (_, byte) => byte);
        const entry = await storage.put(`${root}a`, value, 0);
        expect(plain(await storage.get(`${root}a`))).toEqual(plain(entry));
        expect([...(await list()).entries[0]!.value]).toEqual([...value]);
        const empty = await storage.put(`${root}empty`, new Uint8Array(), 0);
        expect((await storage.get(`${root}empty`))!.value).toHaveLength(0);
        expect(empty.revision).toBe(entry.revision + 1);
      });

      it("is at or after every acknowledged write", async () => {
        for (let round = 0; round < 20; round++) {
          const { revision } = await create(`k${round}`);
          expect(await storage.revision()).toBeGreaterThanOrEqual(revision);
          expect((await storage.get(`${root}k${round}`))!.revision).toBe(revision);
          expect((await list()).entries).toHaveLength(round + 1);
        }
      });

      it("lists in the order of UTF-8 bytes, which is not JavaScript's", async () => {
        const names = ["b", "a/b", "a", "a-b", "\u{1F600}", "\uE000", "\uFF5E", "é", "z", "a/", "B"];
        for (const key of names) await create(key);
        const ordered = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(keysOf((await list()).entries)).toEqual(ordered);
      });

      it("lists only what begins with the prefix, and counts it", async () => {
        for (const key of ["pods/a/1", "pods/a/2", "pods/ab/1", "podsets/a/1", "pod"]) await create(key);
        expect(keysOf((await list("pods/a/")).entries)).toEqual(["pods/a/1", "pods/a/2"]);
        expect(await storage.count(`${root}pods/`)).toBe(3);
        expect(await storage.count(`${root}none/`)).toBe(0);
      });

      it("pages without skipping or repeating, and says whether there is more", async () => {
        for (let index = 0; index < 25; index++) await create(`k${String(index).padStart(2, "0")}`);
        const seen: string[] = [];
        let page = await list("", { limit: 10 });
        const { revision } = page;
        seen.push(...keysOf(page.entries));
        while (page.more) {
          page = await list("", { limit: 10, after: page.entries.at(-1)!.key, at: revision });
          seen.push(...keysOf(page.entries));
        }
        expect(seen).toEqual(Array.from({ length: 25 }, (_, index) => `k${String(index).padStart(2, "0")}`));
        expect((await list("", { limit: 25 })).more).toBe(false);
        expect((await list("", { limit: 24 })).more).toBe(true);
      });

      it("reads all pages at one revision, whatever is written in between", async () => {
        for (const key of ["a", "b", "c", "d"]) await create(key, "old");
        const first = await list("", { limit: 1 });
        const b = (await storage.get(`${root}b`))!;
        await storage.put(`${root}b`, encode("new"), b.revision);
        await storage.delete(`${root}c`, (await storage.get(`${root}c`))!.revision);
        await create("aa", "new");
        await create("c", "again");
        const rest = await list("", { after: `${root}a`, at: first.revision });
        expect(keysOf(rest.entries)).toEqual(["b", "c", "d"]);
        expect(rest.entries.map(({ value }) => decode(value))).toEqual(["old", "old", "old"]);
        expect(rest.entries[0]!.revision).toBe(b.revision);
        expect(rest.revision).toBe(first.revision);
        expect(keysOf((await list()).entries)).toEqual(["a", "aa", "b", "c", "d"]);
      });

      it("has values at hand at their revision, and those written over until that is told, if it has any", async () => {
        if (storage.valueAt === undefined) return;
        let { revision } = await create("a", "0");
        const end = new AbortController();
        const watched = (async () => {
          for await (const batch of storage.watch(root, revision, end.signal)) {
            for (const { value, previous } of "changes" in batch ? batch.changes : []) {
              // What was there before is held by who is told of it; what is there now can be asked for.
              expect(previous?.value).toBeDefined();
              if (value !== undefined && decode(value) === "200") return;
            }
          }
        })();
        for (let turn = 1; turn <= 200; turn++) {
          const before = revision;
          const writing = storage.put(`${root}a`, encode(String(turn)), before);
          for (let look = 0; look < 5; look++) {
            expect(decode(storage.valueAt(`${root}a`, before)!)).toBe(String(turn - 1));
            await Promise.resolve();
          }
          ({ revision } = await writing);
          expect(decode(storage.valueAt(`${root}a`, before)!)).toBe(String(turn - 1));
          expect(decode(storage.valueAt(`${root}a`, revision)!)).toBe(String(turn));
        }
        await watched;
        end.abort();
        expect(storage.valueAt(`${root}a`, revision + 1)).toBeUndefined();
        expect(storage.valueAt(`${root}none`, revision)).toBeUndefined();
      });

      it("shows everything at one revision in order, if it can, whatever is written in between", async () => {
        if (storage.scan === undefined) return;
        const count = 3000;
        const names = Array.from({ length: count }, (_, index) => `k${String(index).padStart(4, "0")}`);
        await Promise.all(names.map((name) => create(name, `value of ${name}`)));
        const before = await storage.revision();
        const entry = (await storage.get(`${root}k2999`))!;
        const gone = (await storage.get(`${root}k2998`))!;
        const shown: { name: string; value: string; revision: number }[] = [];
        let writing: Promise<unknown> = Promise.resolve();
        const revision = await storage.scan(root, ({ key, value, revision: of }) => {
          shown.push({ name: key.slice(root.length), value: decode(value), revision: of });
          if (shown.length > 1) return;
          const writes = [storage.put(entry.key, encode("new"), entry.revision), storage.delete(gone.key, gone.revision)];
          writing = Promise.all([...writes, create("k2997a")]);
        });
        expect(revision).toBe(before);
        expect(shown.map(({ name, value }) => [name, value])).toEqual(names.map((name) => [name, `value of ${name}`]));
        expect(shown.at(-1)?.revision).toBe(entry.revision);
        await writing;
      });

      it("refuses a revision that is not reached yet", async () => {
        await create("a");
        await expectReason(list("", { at: (await storage.revision()) + 10 }), "Future");
      });
    });

    describe("writing", () => {
      it("creates only what is not there", async () => {
        await create("a", "first");
        await expectReason(create("a", "second"), "AlreadyExists");
        expect(decode((await storage.get(`${root}a`))!.value)).toBe("first");
      });

      it("replaces only what is at the expected revision", async () => {
        const { revision } = await create("a", "1");
        const second = await storage.put(`${root}a`, encode("2"), revision);
        expect(second.revision).toBeGreaterThan(revision);
        await expectReason(storage.put(`${root}a`, encode("3"), revision), "Conflict");
        await expectReason(storage.put(`${root}missing`, encode("3"), revision), "Conflict");
        expect(decode((await storage.get(`${root}a`))!.value)).toBe("2");
      });

      it("deletes only what is at the expected revision", async () => {
        const { revision } = await create("a");
        const updated = await storage.put(`${root}a`, encode("2"), revision);
        await expectReason(storage.delete(`${root}a`, revision), "Conflict");
        const deleted = await storage.delete(`${root}a`, updated.revision);
        expect(deleted).toBeGreaterThan(updated.revision);
        expect(await storage.get(`${root}a`)).toBeUndefined();
        await expectReason(storage.delete(`${root}a`, updated.revision), "Conflict");
        expect((await create("a", "again")).revision).toBeGreaterThan(deleted);
      });

      it("takes no revision for a write that failed", async () => {
        await create("a");
        const before = await storage.revision();
        await expectReason(create("a"), "AlreadyExists");
        expect(await storage.revision()).toBe(before);
      });

      it("lets exactly one of 64 racing creators win", async () => {
        const results = await Promise.allSettled(Array.from({ length: 64 }, (_, writer) => create("a", `${writer}`)));
        const winners = results.flatMap((result, writer) => (result.status === "fulfilled" ? [writer] : []));
        expect(winners).toHaveLength(1);
        expect(decode((await storage.get(`${root}a`))!.value)).toBe(`${winners[0]!}`);
        for (const result of results) {
          if (result.status === "rejected") expect(hasStorageReason(result.reason, "AlreadyExists")).toBe(true);
        }
      });

      it("lets exactly one of 64 racing updaters and deleters win", async () => {
        const { revision } = await create("a");
        const results = await Promise.allSettled(
          Array.from({ length: 64 }, (_, writer) =>
            writer % 2 === 0 ? storage.put(`${root}a`, encode(`${writer}`), revision) : storage.delete(`${root}a`, revision),
          ),
        );
        expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        expect(await storage.revision()).toBe(revision + 1);
      });

      it("loses no increment of 16 writers that retry on conflict", async () => {
        await create("n", "0");
        const increment = async (): Promise<void> => {
          for (;;) {
            const entry = (await storage.get(`${root}n`))!;
            try {
              await storage.put(`${root}n`, encode(`${Number(decode(entry.value)) + 1}`), entry.revision);
              return;
            } catch (error) {
              if (!hasStorageReason(error, "Conflict")) throw error;
            }
          }
        };
        await Promise.all(Array.from({ length: 16 }, () => increment()));
        expect(decode((await storage.get(`${root}n`))!.value)).toBe("16");
      });
    });

    describe("watching", () => {
      it("replays from an old revision and then follows, with previous values", async () => {
        const start = await storage.revision();
        const created = await create("a", "1");
        const updated = await storage.put(`${root}a`, encode("2"), created.revision);
        const reading = watch(start);
        expect(await reading.take(2)).toEqual([
          { revision: created.revision, changes: [{ key: "a", value: "1" }] },
          {
            revision: updated.revision,
            changes: [{ key: "a", value: "2", previous: { value: "1", revision: created.revision } }],
          },
        ]);
        const deleted = await storage.delete(`${root}a`, updated.revision);
        expect(await reading.take(1)).toEqual([
          { revision: deleted, changes: [{ key: "a", previous: { value: "2", revision: updated.revision } }] },
        ]);
      });

      it("begins after the revision it is given", async () => {
        const a = await create("a");
        const b = await create("b");
        expect((await watch(a.revision).take(1))[0]!.revision).toBe(b.revision);
      });

      it("shows nothing of another prefix", async () => {
        const start = await storage.revision();
        const reading = watch(start, "pods/");
        await create("podsets/a");
        await create("nodes/a");
        await create("pods/a");
        await create("zones/a");
        await create("pods/b");
        expect((await reading.take(2)).flatMap(({ changes }) => changes.map(({ key }) => key))).toEqual(["pods/a", "pods/b"]);
      });

      it("delivers every write of many concurrent writers once and in order, to watchers that start at any time", async () => {
        const start = await storage.revision();
        const writers = 16;
        const each = 20;
        const early = watch(start).take(writers * each);
        const writing = Promise.all(
          Array.from({ length: writers }, async (_, writer) => {
            for (let turn = 0; turn < each; turn++) await create(`w${writer}/${turn}`);
          }),
        );
        await create("middle/1").catch(() => undefined);
        const late = watch(start).take(writers * each);
        await writing;
        for (const batches of [await early, await late]) {
          const keys = batches.flatMap(({ changes }) => changes.map(({ key }) => key)).filter((key) => key.startsWith("w"));
          expect(new Set(keys).size).toBe(keys.length);
          const revisions = batches.map(({ revision }) => revision);
          expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
          for (let writer = 0; writer < writers; writer++) {
            const own = keys.filter((key) => key.startsWith(`w${writer}/`));
            expect(own).toEqual(own.map((_, turn) => `w${writer}/${turn}`));
          }
        }
      });

      it("shows a write to a watcher no later than the writer's next linearizable read allows", async () => {
        const reading = watch(await storage.revision());
        const { revision } = await create("a");
        expect((await reading.take(1))[0]!.revision).toBe(revision);
        expect(await storage.revision()).toBeGreaterThanOrEqual(revision);
      });

      it("loses nothing for a watcher that is slow", async () => {
        const reading = watch(await storage.revision());
        await create("first");
        expect(await reading.take(1)).toHaveLength(1);
        for (let turn = 0; turn < 1500; turn += 50) {
          await Promise.all(Array.from({ length: 50 }, (_, index) => create(`k${turn + index}`)));
        }
        const keys = (await reading.take(1500)).flatMap(({ changes }) => changes.map(({ key }) => key));
        expect(new Set(keys).size).toBe(1500);
      });

      it("says how far nothing is missing when asked", async () => {
        const reading = watch(await storage.revision(), "pods/");
        const pending = reading.next();
        await create("nodes/a");
        const { revision } = await create("nodes/b");
        storage.requestProgress();
        const batch = await pending;
        expect("progress" in batch && batch.progress).toBeGreaterThanOrEqual(revision);
      });

      it("reports progress only behind what it has delivered", async () => {
        const start = await storage.revision();
        const reading = watch(start);
        const { revision } = await create("a");
        storage.requestProgress();
        const first = await reading.next();
        if ("progress" in first) expect(first.progress).toBeLessThan(revision);
        else expect(first.revision).toBe(revision);
      });

      it("rejects with the signal's reason, before and while it waits", async () => {
        const reason = new Error("the client left");
        const before = AbortSignal.abort(reason);
        await expect(new Reading(storage.watch(root, 1, before)).next()).rejects.toBe(reason);
        const controller = new AbortController();
        const waiting = new Reading(storage.watch(root, await storage.revision(), controller.signal)).next();
        controller.abort(reason);
        await expect(waiting).rejects.toBe(reason);
      });
    });

    describe("compaction", () => {
      it("makes lists and watches below it Expired, and leaves those at and above it", async () => {
        const a = await create("a", "1");
        const b = await storage.put(`${root}a`, encode("2"), a.revision);
        const c = await storage.put(`${root}a`, encode("3"), b.revision);
        await storage.compact(b.revision);
        await expectReason(list("", { at: a.revision }), "Expired");
        await expectReason(watch(a.revision).next(), "Expired");
        expect(decode((await list("", { at: b.revision })).entries[0]!.value)).toBe("2");
        expect((await watch(b.revision).take(1))[0]!.revision).toBe(c.revision);
        expect(decode((await storage.get(`${root}a`))!.value)).toBe("3");
      });

      it("does not disturb a watcher that has caught up", async () => {
        const reading = watch(await storage.revision());
        await create("a");
        await reading.take(1);
        const pending = reading.take(1);
        await storage.compact(await storage.revision());
        const b = await create("b");
        expect((await pending)[0]!.revision).toBe(b.revision);
      });

      it("keeps five minutes of history by itself, and little more", async () => {
        const a = await create("a");
        await create("b");
        await opened.clock.advance(4.9 * 60_000);
        expect(keysOf((await list("", { at: a.revision })).entries)).toEqual(["a"]);
        await opened.clock.advance(1.2 * 60_000);
        await until(async () => (await reasonOf(list("", { at: a.revision }))) === "Expired");
        expect(keysOf((await list()).entries)).toEqual(["a", "b"]);
      });
    });

    describe("expiry", () => {
      it("deletes what was written together, with previous values, and says so before anything that came later", async () => {
        const reading = watch(await storage.revision());
        const [a, b] = await Promise.all(
          ["a", "b"].map((key) => storage.put(root + key, encode(key), 0, { expiresAfterSeconds: 2 })),
        );
        await create("stays");
        await reading.take(3);
        await opened.clock.advance(1_000);
        expect(await storage.count(root)).toBe(3);
        await opened.clock.advance(3_000);
        await until(async () => (await storage.count(root)) === 1);
        const later = await create("later");
        const batches: ReadableBatch[] = [];
        while (batches.at(-1)?.revision !== later.revision) batches.push(...(await reading.take(1)));
        expect(batches.flatMap(({ changes }) => changes)).toEqual([
          { key: "a", previous: { value: "a", revision: a!.revision } },
          { key: "b", previous: { value: "b", revision: b!.revision } },
          { key: "later", value: "later" },
        ]);
        expect(keysOf((await list()).entries)).toEqual(["later", "stays"]);
      });

      it("forgets the expiry of what is written again without one, and renews it otherwise", async () => {
        const a = await storage.put(`${root}a`, encode("1"), 0, { expiresAfterSeconds: 2 });
        const b = await storage.put(`${root}b`, encode("1"), 0, { expiresAfterSeconds: 2 });
        await opened.clock.advance(1_000);
        await storage.put(`${root}a`, encode("2"), a.revision);
        await storage.put(`${root}b`, encode("2"), b.revision, { expiresAfterSeconds: 5 });
        await opened.clock.advance(4_000);
        expect(keysOf((await list()).entries)).toEqual(["a", "b"]);
        await opened.clock.advance(3_000);
        await until(async () => (await storage.count(root)) === 1);
        expect(keysOf((await list()).entries)).toEqual(["a"]);
      });
    });

    describe("dumping", () => {
      const dumpAll = async (dump: Dump): Promise<DumpedEntry[]> => {
        const entries: DumpedEntry[] = [];
        for await (const page of dump.pages) entries.push(...page);
        return entries;
      };

      it("gives everything below a prefix, in order, at one revision, with what is left of its life", async () => {
        await storage.put(`${root}b`, encode("1"), 0, { expiresAfterSeconds: 100 });
        const a = await create("a");
        await create("c");
        await storage.delete(`${root}c`, a.revision + 1);
        const dump = await storage.dump(root);
        const entries = await dumpAll(dump);
        expect(dump.revision).toBe(await storage.revision());
        expect(dump.count).toBe(2);
        expect(keysOf(entries)).toEqual(["a", "b"]);
        expect(entries.map(({ revision }) => revision)).toEqual([a.revision, a.revision - 1]);
        if (opened.dumpsWhatItGot !== false) expect(entries.map(({ value }) => decode(value))).toEqual([`a`, "1"]);
        expect(entries[0]!.expiresAfterSeconds).toBeUndefined();
        expect(entries[1]!.expiresAfterSeconds).toBeGreaterThan(90);
        // A lease may be a little longer than what was asked for.
        expect(entries[1]!.expiresAfterSeconds).toBeLessThanOrEqual(106);
        await opened.clock.advance(2_000);
        const [, later] = await dumpAll(await storage.dump(root));
        expect(later!.expiresAfterSeconds).toBeLessThan(entries[1]!.expiresAfterSeconds!);
        expect((await storage.dump(`${root}none/`)).count).toBe(0);
      });

      it("is not changed by writes, deletions and compactions while it is read", async () => {
        const names = Array.from({ length: 1200 }, (_, index) => `k${String(index).padStart(4, "0")}`);
        for (let at = 0; at < names.length; at += 100) await Promise.all(names.slice(at, at + 100).map((key) => create(key)));
        const { revision, pages, count } = await storage.dump(root);
        const entries: DumpedEntry[] = [];
        for await (const page of pages) {
          entries.push(...page);
          const late = await storage.get(`${root}k1150`);
          if (late !== undefined) await storage.delete(late.key, late.revision);
          const changed = await storage.get(`${root}k1100`);
          await storage.put(`${root}k1100`, encode("new"), changed!.revision);
          await create(`late-${entries.length}`);
          await storage.compact(await storage.revision()).catch(() => undefined);
        }
        expect(count).toBe(names.length);
        expect(keysOf(entries)).toEqual(names);
        expect(Math.max(...entries.map((entry) => entry.revision))).toBeLessThanOrEqual(revision);
      });
    });

    it("is there again after it was closed and opened", async (context) => {
      if (opened.reopen === undefined) return context.skip("nothing of it outlives the process");
      const start = await storage.revision();
      const a = await create("a", "1");
      const b = await storage.put(`${root}a`, encode("2"), a.revision);
      await create("gone");
      await storage.delete(`${root}gone`, b.revision + 1);
      await storage.put(`${root}lease`, encode("l"), 0, { expiresAfterSeconds: 3 });
      const revision = await storage.revision();
      storage = await opened.reopen();
      expect(await storage.revision()).toBe(revision);
      expect(keysOf((await list()).entries)).toEqual(["a", "lease"]);
      expect(decode((await storage.get(`${root}a`))!.value)).toBe("2");
      expect(keysOf((await list("", { at: b.revision })).entries)).toEqual(["a"]);
      expect(await watch(start).take(5)).toHaveLength(5);
      expect((await create("b")).revision).toBe(revision + 1);
      await opened.clock.advance(4_000);
      await until(async () => (await storage.get(`${root}lease`)) === undefined);
    });
  });
}

/** Below this all keys of these tests lie, so that they do not see a shared store's other keys. */
const root = "/registry/conformance/";
const encode = (text: string): Uint8Array => Buffer.from(text);
const decode = (value: Uint8Array): string => Buffer.from(value).toString();
const plain = (entry: Entry | undefined) => entry && { ...entry, value: [...entry.value] };

interface ReadableBatch {
  readonly revision: Revision;
  readonly changes: readonly { key: string; value?: string; previous?: { value: string; revision: Revision } }[];
}

/** A watch whose batches read well in an expectation. */
class Reading {
  readonly #batches: AsyncIterator<WatchBatch>;

  constructor(batches: AsyncIterable<WatchBatch>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  async next(): Promise<WatchBatch> {
    const next = await this.#batches.next();
    if (next.done === true) throw new Error("the watch ended");
    return next.value;
  }

  /** The next `count` batches of changes; progress in between is skipped. */
  async take(count: number): Promise<ReadableBatch[]> {
    const batches: ReadableBatch[] = [];
    while (batches.length < count) {
      const batch = await this.next();
      if ("changes" in batch) batches.push(readable(batch));
    }
    return batches;
  }
}

function readable(batch: Extract<WatchBatch, { changes: unknown }>): ReadableBatch {
  const changes = batch.changes.map(({ key, value, previous }) => ({
    key: key.slice(root.length),
    ...(value && { value: decode(value) }),
    ...(previous && { previous: { value: decode(previous.value), revision: previous.revision } }),
  }));
  return { revision: batch.revision, changes: changes.sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

async function reasonOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return error.reason;
  }
}

async function expectReason(promise: Promise<unknown>, reason: StorageError["reason"]): Promise<void> {
  expect(await reasonOf(promise)).toBe(reason);
}

/** Real stores finish what the clock set off a moment later. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  await expect.poll(condition, { timeout: 15_000, interval: 20 }).toBe(true);
}

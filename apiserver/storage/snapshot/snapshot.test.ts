import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { MemoryStorage } from "../memory/memory-storage.ts";
import type { Dump, DumpedEntry, Storage } from "../storage.ts";
import { magic } from "./format.ts";
import { checkSnapshot, readSnapshot } from "./read-snapshot.ts";
import { restoreInto, unfinishedRestoreKey } from "./restore-into.ts";
import { writeSnapshot } from "./write-snapshot.ts";

const about = { takenAt: "2026-01-01T00:00:00Z", skiffVersion: "0.1.0" };
const memory = (): MemoryStorage => new MemoryStorage({ clock: new FakeClock(), log: silentLogger });

async function* inPieces(bytes: Uint8Array, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function bytesOf(dump: Dump): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeSnapshot(dump, about)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function entriesOf({ pages }: Dump): Promise<(Omit<DumpedEntry, "value"> & { value: string })[]> {
  const entries: DumpedEntry[] = [];
  for await (const page of pages) entries.push(...page);
  return entries.map((entry) => ({ ...entry, value: Buffer.from(entry.value).toString("latin1") }));
}

async function filled(count = 300): Promise<Storage> {
  const storage = memory();
  for (let index = 0; index < count; index++) {
    const value = Buffer.from(`value of ${index} `.repeat(index % 200));
    await storage.put(`/registry/k/é${index}`, value, 0, index % 7 === 0 ? { expiresAfterSeconds: 100 + index } : {});
  }
  return storage;
}

const whyRefused = (bytes: Uint8Array): Promise<string> =>
  checkSnapshot(inPieces(bytes)).then(
    () => "taken",
    (error: unknown) => {
      expect(error).toMatchObject({ name: "StorageError", reason: "Corrupt" });
      return (error as Error).message;
    },
  );

describe("a snapshot", () => {
  it.each([1, 7, 1000, 1 << 20])("gives back what it was made of, read in pieces of %i bytes", async (size) => {
    const storage = await filled(40);
    const dump = await storage.dump("/registry/");
    const bytes = await bytesOf(dump);
    const read = await readSnapshot(inPieces(bytes, size));
    expect(read.header).toEqual({ format: 1, revision: dump.revision, count: 40, ...about });
    expect(await entriesOf(read)).toEqual(await entriesOf(await storage.dump("/registry/")));
  });

  it("of an empty store is one, too", async () => {
    const bytes = await bytesOf(await memory().dump("/registry/"));
    expect(await checkSnapshot(inPieces(bytes))).toMatchObject({ count: 0, size: bytes.length });
  });

  it("has the same hash for the same content, and says how large it is", async () => {
    const bytes = await bytesOf(await (await filled()).dump("/registry/"));
    const again = await bytesOf(await (await filled()).dump("/registry/"));
    const { hash, size } = await checkSnapshot(inPieces(bytes));
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(size).toBe(bytes.length);
    expect((await checkSnapshot(inPieces(again))).hash).toBe(hash);
  });

  it("is refused with any one bit changed, wherever", async () => {
    const bytes = await bytesOf(await (await filled(60)).dump("/registry/"));
    const flips = fc.nat({ max: bytes.length * 8 - 1 });
    await fc.assert(
      fc.asyncProperty(flips, async (bit) => {
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
        expect(await whyRefused(changed)).toMatch(bit >> 3 < magic.length ? /no snapshot/ : /damaged/);
      }),
      { numRuns: 400 },
    );
    // The places that count most, all of them.
    for (let at = 0; at < 200; at++) {
      for (const place of [at, bytes.length - 1 - at]) {
        const changed = Buffer.from(bytes);
        changed[place] = changed[place]! ^ 1;
        expect(await whyRefused(changed), `byte ${place}`).not.toBe("taken");
      }
    }
  });

  it("is refused when it was cut off, wherever", async () => {
    const bytes = await bytesOf(await (await filled(60)).dump("/registry/"));
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), async (length) => {
        expect(await whyRefused(bytes.subarray(0, length))).toMatch(/cut off/);
      }),
      { numRuns: 200 },
    );
    expect(await whyRefused(Buffer.alloc(0))).toMatch(/cut off/);
  });

  it("is refused with anything behind its end, another snapshot too", async () => {
    const bytes = await bytesOf(await (await filled(5)).dump("/registry/"));
    for (const tail of [Buffer.from([0]), bytes, Buffer.from("\n")])
      expect(await whyRefused(Buffer.concat([bytes, tail]))).toMatch(/something was appended/);
  });

  it("is refused when blocks were swapped, left out or doubled, each of which is whole", async () => {
    const storage = memory();
    for (let index = 0; index < 6; index++) await storage.put(`/registry/${index}`, new Uint8Array(300_000).fill(index), 0);
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeSnapshot(await storage.dump("/registry/"), about)) chunks.push(chunk);
    expect(chunks).toHaveLength(8);
    const without = chunks.filter((_, index) => index !== 3);
    const doubled = chunks.flatMap((chunk, index) => (index === 3 ? [chunk, chunk] : [chunk]));
    const swapped = [...chunks.slice(0, 2), chunks[3]!, chunks[2]!, ...chunks.slice(4)];
    for (const wrong of [without, doubled, swapped]) expect(await whyRefused(Buffer.concat(wrong))).toMatch(/damaged/);
  });

  it("is told from other files", async () => {
    for (const text of ["bolt database", "PK\x03\x04 and more", "{}"])
      expect(await whyRefused(Buffer.from(text))).toMatch(/no snapshot/);
  });
});

describe("restoring", () => {
  const contents = async (storage: Storage): Promise<unknown[]> =>
    (await entriesOf(await storage.dump("/registry/"))).map(({ revision: _, ...entry }) => entry);

  it("leaves what the snapshot has and nothing else, beyond every revision that anybody has seen", async () => {
    const source = await filled(500);
    const bytes = await bytesOf(await source.dump("/registry/"));
    for (const writes of [0, 3, 2000]) {
      const target = memory();
      for (let turn = 0; turn < writes; turn++)
        await target.put(`/registry/k/${turn % 2 === 0 ? "é" : ""}${turn}`, Buffer.from("other"), 0);
      const before = await target.revision();
      const snapshot = await readSnapshot(inPieces(bytes));
      await restoreInto(target, snapshot);
      expect(await contents(target)).toEqual(await contents(source));
      const seen = Math.max(before, snapshot.revision);
      const { entries } = await target.list("/registry/");
      expect(Math.min(...entries.map(({ revision }) => revision))).toBeGreaterThan(seen);
      await expect(target.list("/registry/", { at: seen })).rejects.toMatchObject({ reason: "Expired" });
      const watch = target.watch("/registry/", seen, new AbortController().signal)[Symbol.asyncIterator]();
      await expect(watch.next()).rejects.toMatchObject({ reason: "Expired" });
    }
  });

  it("that broke off says so in the store, and can be done again", async () => {
    const source = await filled(600);
    const bytes = await bytesOf(await source.dump("/registry/"));
    const target = await filled(20);
    const broken = bytes.subarray(0, bytes.length - 10);
    await expect(restoreInto(target, await readSnapshot(inPieces(broken)))).rejects.toMatchObject({ reason: "Corrupt" });
    expect(await target.get(unfinishedRestoreKey)).toBeDefined();
    await restoreInto(target, await readSnapshot(inPieces(bytes)));
    expect(await target.get(unfinishedRestoreKey)).toBeUndefined();
    expect(await contents(target)).toEqual(await contents(source));
  });
});

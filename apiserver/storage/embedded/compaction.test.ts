import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { emptyStoreRevision } from "../commit.ts";
import type { Revision } from "../storage.ts";
import { openEmbeddedStorage, type EmbeddedStorage } from "./embedded-storage.ts";
import { SliceSize } from "./slice-size.ts";
import { Tables, type TableWrite } from "./tables.ts";

/** Writes down what each transaction is for. */
class TracedTables extends Tables {
  readonly transactions: { readonly wrote?: number; readonly forgot?: number }[] = [];

  override async write(writes: readonly TableWrite[]): Promise<void> {
    this.transactions.push({ wrote: writes.length });
    await super.write(writes);
  }

  override async forget(first: Revision, last: Revision, compacted: Revision): Promise<void> {
    this.transactions.push({ forgot: last - first + 1 });
    await super.forget(first, last, compacted);
  }
}

describe("compaction of the embedded store", () => {
  let directory: string;
  let storage: EmbeddedStorage;
  let tables: TracedTables;
  const clock = new FakeClock();
  const open = async (): Promise<void> => {
    const openTables = (folder: string): Tables => (tables = new TracedTables(folder));
    storage = await openEmbeddedStorage({ directory, clock, log: silentLogger, openTables });
  };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "skiff-compaction-"));
    await open();
  });

  afterEach(async () => {
    await storage.close();
    rmSync(directory, { recursive: true });
  });

  const fill = (count: number): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, (_, index) => storage.put(`/k/${index}`, new Uint8Array(10), 0)));

  it("is done in slices, and lets those who write in between", async () => {
    await fill(5_000);
    tables.transactions.length = 0;
    const compaction = storage.compact(await storage.revision());
    const writing = (async () => {
      for (let turn = 0; turn < 20; turn++) await storage.put(`/while/${turn}`, new Uint8Array(10), 0);
    })();
    await Promise.all([compaction, writing]);
    const kinds = tables.transactions.map(({ forgot }) => (forgot === undefined ? "w" : "f")).join("");
    expect(kinds).toMatch(/^(f?w)*f*w*$/);
    expect(kinds).toContain("fwfwf");
    expect(Math.max(...tables.transactions.map(({ forgot = 0 }) => forgot))).toBeLessThanOrEqual(1024);
    expect(tables.transactions.reduce((sum, { forgot = 0 }) => sum + forgot, 0)).toBe(5_000);
  });

  it("keeps up with any number of writers", async () => {
    await fill(2_000);
    const compaction = storage.compact(await storage.revision());
    tables.transactions.length = 0;
    await Promise.all([
      compaction,
      ...Array.from({ length: 500 }, (_, index) => storage.put(`/w/${index}`, new Uint8Array(1), 0)),
    ]);
    const together = tables.transactions.findIndex(({ wrote = 0 }) => wrote >= 400);
    expect(tables.transactions[together + 1]?.forgot).toBeGreaterThanOrEqual(800);
  });

  it("goes on where it was when the store is opened again", async () => {
    await fill(300);
    const revision = await storage.revision();
    await tables.forget(emptyStoreRevision + 1, emptyStoreRevision + 100, revision - 50);
    await storage.close();
    await open();
    await expect(storage.list("", { at: revision - 51 })).rejects.toMatchObject({ reason: "Expired" });
    expect((await storage.list("", { at: revision - 50 })).entries).toHaveLength(250);
    await storage.compact(revision - 10);
    expect(tables.transactions.reduce((sum, { forgot = 0 }) => sum + forgot, 0)).toBe(190);
    expect(tables.logBytes()).toBeLessThan(20_000);
  });

  it("deletes thousands that expire together some at a time", async () => {
    const seconds = { expiresAfterSeconds: 3600 };
    await Promise.all(Array.from({ length: 3_000 }, (_, index) => storage.put(`/e/${index}`, new Uint8Array(10), 0, seconds)));
    tables.transactions.length = 0;
    await clock.advance(3_601_000);
    await expect.poll(() => storage.count("/e/")).toBe(0);
    const sizes = tables.transactions.map(({ wrote = 0 }) => wrote);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(3_000);
    expect(Math.max(...sizes)).toBe(128);
  });
});

describe("the size of a slice", () => {
  it("shrinks where a slice takes long, grows where it is quick, and stays within its bounds", () => {
    const slice = new SliceSize();
    const after = (ms: number, times: number): number => {
      for (let turn = 0; turn < times; turn++) slice.took(ms);
      return slice.size;
    };
    expect(after(12, 5)).toBe(64);
    expect(after(1, 2)).toBe(256);
    expect(after(1, 10)).toBe(1024);
    expect(after(50, 1)).toBe(512);
    expect(after(50, 20)).toBe(16);
  });
});

import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { describeStorage } from "../conformance.ts";
import type { Storage } from "../storage.ts";
import { openEmbeddedStorage } from "./embedded-storage.ts";

const newDirectory = () => mkdtempSync(join(tmpdir(), "skiff-storage-"));

describeStorage("EmbeddedStorage", async () => {
  const directory = newDirectory();
  const clock = new FakeClock();
  const open = () => openEmbeddedStorage({ directory, clock, log: silentLogger });
  let storage = await open();
  return {
    storage,
    clock,
    reopen: async () => {
      await storage.close();
      return (storage = await open());
    },
    cleanup: async () => {
      await storage.close();
      rmSync(directory, { recursive: true });
    },
  };
});

describe("the embedded store's folder", () => {
  let directory: string;
  let storage: Storage;
  const options = () => ({ directory, clock: new FakeClock(), log: silentLogger });

  beforeEach(async () => {
    directory = newDirectory();
    storage = await openEmbeddedStorage(options());
  });

  afterEach(async () => {
    await storage.close();
    rmSync(directory, { recursive: true });
  });

  it("is readable by nobody else, and neither are its files", () => {
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(directory))
      expect([name, statSync(join(directory, name)).mode & 0o777]).toEqual([name, 0o600]);
  });

  it("is refused to a second opener, in words that name the holder, and given once it is closed", async () => {
    await expect(openEmbeddedStorage(options())).rejects.toMatchObject({
      reason: "Locked",
      message: expect.stringContaining(`pid ${process.pid}`) as string,
    });
    await storage.close();
    storage = await openEmbeddedStorage(options());
    expect(readdirSync(directory).filter((name) => name.startsWith("lock."))).toHaveLength(1);
  });

  it("replays more history than is kept in memory", async () => {
    const start = await storage.revision();
    const value = new Uint8Array(16);
    for (let turn = 0; turn < 3000; turn += 500) {
      await Promise.all(Array.from({ length: 500 }, (_, index) => storage.put(`/k/${turn + index}`, value, 0)));
    }
    const stop = new AbortController();
    let expected = start;
    for await (const batch of storage.watch("/k/", start, stop.signal)) {
      if ("changes" in batch) expect(batch.revision).toBe(++expected);
      if (expected === start + 3000) break;
    }
    expect((await storage.list("/k/", { at: start + 10 })).entries).toHaveLength(10);
  });

  it("lists in slices at one revision while writers go on", async () => {
    await Promise.all(Array.from({ length: 2000 }, (_, index) => storage.put(`/k/${index}`, Buffer.from("old"), 0)));
    const listing = storage.list("/k/");
    const writing = Promise.all(
      Array.from({ length: 2000 }, async (_, index) => {
        const entry = await storage.get(`/k/${index}`);
        await storage.put(`/k/${index}`, Buffer.from("new"), entry?.revision ?? 0);
      }),
    );
    const page = await listing;
    await writing;
    expect(page.entries).toHaveLength(2000);
    expect(page.entries.filter(({ revision }) => revision > page.revision)).toEqual([]);
    expect(new Set(page.entries.map(({ value }) => Buffer.from(value).toString()))).toEqual(new Set(["old"]));
  });
});

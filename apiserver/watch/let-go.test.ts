import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { openEmbeddedStorage } from "../storage/embedded/embedded-storage.ts";
import type { Storage } from "../storage/storage.ts";
import type { CachedObject } from "./cached-object.ts";
import { WatchCache } from "./watch-cache.ts";

const prefix = "/registry/pods/";
const historySize = 4;
/** More than the store keeps in memory of what was written over. */
const manyWrites = 1500;

describe("values that the store has at hand", () => {
  const shared = { clock: new FakeClock(), log: silentLogger };
  const stop = new AbortController();
  let directory: string;
  let storage: Storage;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "skiff-let-go-"));
    storage = await openEmbeddedStorage({ directory, ...shared });
  });
  afterAll(async () => {
    stop.abort();
    await storage.close();
    rmSync(directory, { recursive: true });
  });

  const bytes = (name: string, turn: number): Uint8Array =>
    Buffer.from(JSON.stringify({ kind: "Pod", apiVersion: "v1", metadata: { name }, spec: { nodeName: `n${turn}` } }));
  const put = async (name: string, turn: number): Promise<number> => {
    const key = `${prefix}a/${name}`;
    return (await storage.put(key, bytes(name, turn), (await storage.get(key))?.revision ?? 0)).revision;
  };
  const nodeOf = (object: CachedObject): string =>
    (JSON.parse(Buffer.from(object.bytes()).toString()) as { spec: { nodeName: string } }).spec.nodeName;
  const open = async (): Promise<WatchCache> => {
    const cache = new WatchCache({ storage, prefix, ...shared, historySize, indexes: { nodeName: ["spec", "nodeName"] } });
    await cache.start(stop.signal);
    return cache;
  };

  it("are served all the same, after a start and after they have left the history", async () => {
    for (let index = 0; index < 20; index++) await put(`p${index}`, index);
    const cache = await open();
    expect(cache.listCached().map(nodeOf).sort()).toEqual(Array.from({ length: 20 }, (_, index) => `n${index}`).sort());
    for (let index = 0; index < 20; index++) await put(`p${index}`, index + 100);
    await cache.freshen();
    expect(cache.listCached().map(nodeOf).sort()).toEqual(Array.from({ length: 20 }, (_, index) => `n${index + 100}`).sort());
    expect(cache.byIndex("nodeName", "n107").map(nodeOf)).toEqual(["n107"]);
    await cache.close();
  });

  it("are what they were for who holds a version while it is written over, again and again", async () => {
    await put("held", 0);
    const cache = await open();
    const held = cache.getCached(`${prefix}a/held`)!;
    const seen: string[] = [];
    for (let turn = 1; turn <= manyWrites; turn++) {
      const current = cache.getCached(`${prefix}a/held`)!;
      const writing = put("held", turn);
      for (let look = 0; look < 3; look++) {
        expect(nodeOf(current)).toBe(current === held ? "n0" : seen.at(-1));
        await Promise.resolve();
      }
      await writing;
      expect(nodeOf(held)).toBe("n0");
      await cache.freshen();
      seen.push(nodeOf(cache.getCached(`${prefix}a/held`)!));
    }
    expect(seen).toEqual(Array.from({ length: manyWrites }, (_, index) => `n${index + 1}`));
    await storage.delete(`${prefix}a/held`, (await storage.get(`${prefix}a/held`))!.revision);
    await cache.freshen();
    expect(nodeOf(held)).toBe("n0");
    await cache.close();
  });
});

/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ForwardingStorage } from "#apiserver/storage/forwarding-storage.testing";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import type { Entry, Revision, WatchBatch } from "#apiserver/storage/storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { hasOwnServers, type ApiUnderTest, type Call } from "./api-under-test.ts";
import { configMap, configMaps, must } from "./objects.ts";
import { startInProcess } from "./own-server.ts";

/** Tells of writes when it is let: as a store that is another process may tell of a write after it has answered it. */
class LateStorage extends ForwardingStorage {
  gate = Promise.resolve();
  /** Objects that were read from here, not from a cache. */
  reads = 0;

  override get(key: string): Promise<Entry | undefined> {
    this.reads++;
    return super.get(key);
  }

  override async *watch(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    for await (const batch of super.watch(prefix, after, signal)) {
      await this.gate;
      yield batch;
    }
  }

  /** @returns what lets it tell again */
  holdBack(): () => void {
    let open = (): void => undefined;
    this.gate = new Promise((resolve) => (open = resolve));
    return open;
  }
}

describe.runIf(hasOwnServers)("a store that tells of a write after it has answered it", () => {
  let storage: LateStorage;
  let api: ApiUnderTest;
  beforeEach(async () => {
    storage = new LateStorage(new MemoryStorage({ clock: systemClock, log: silentLogger }));
    api = await startInProcess({ storage });
  });
  afterEach(() => api.close());

  const path = `${configMaps}/a`;
  const change = (data: object): Call => ({ contentType: "application/merge-patch+json", body: { data } });

  it("lets changes follow a write at once: each begins with what the one before it wrote", async () => {
    const tell = storage.holdBack();
    await must(api.request("POST", configMaps, { body: configMap("a", { data: { made: "yes" } }) }));
    await must(api.request("PATCH", path, change({ one: "1" })));
    const { body } = await must(api.request("PATCH", path, change({ two: "2" })));
    expect(body["data"]).toEqual({ made: "yes", one: "1", two: "2" });
    expect(storage.reads).toBe(0);
    tell();
  });

  it("has changes begin with what others have written since, once that is known here", async () => {
    await must(api.request("POST", configMaps, { body: configMap("a", { data: { made: "yes" } }) }));
    const tell = storage.holdBack();
    await must(api.request("PATCH", path, change({ one: "1" })));
    const [key = ""] = (await storage.list("/")).entries.map((entry) => entry.key).filter((each) => each.endsWith("/a"));
    const entry = await storage.get(key);
    const theirs = Buffer.from(entry?.value ?? [])
      .toString()
      .replace(`"one":"1"`, `"one":"theirs"`);
    await storage.put(key, Buffer.from(theirs), entry?.revision ?? 0);
    tell();
    await must(api.request("GET", path));
    storage.reads = 0;
    const { body } = await must(api.request("PATCH", path, change({ two: "2" })));
    expect(body["data"]).toEqual({ made: "yes", one: "theirs", two: "2" });
    expect(storage.reads).toBe(0);
  });

  it("shows readers nothing that it has not told", async () => {
    await must(api.request("POST", configMaps, { body: configMap("a") }));
    await must(api.request("GET", path));
    const tell = storage.holdBack();
    await must(api.request("PATCH", path, change({ one: "1" })));
    const { body } = await must(api.request("GET", `${path}?resourceVersion=0`));
    expect(body["data"]).toBeUndefined();
    tell();
    expect((await must(api.request("GET", path))).body["data"]).toEqual({ one: "1" });
  });
});

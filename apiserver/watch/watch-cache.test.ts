import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "#api/generated/types";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { describeStorage } from "../storage/conformance.ts";
import { MemoryStorage } from "../storage/memory/memory-storage.ts";
import type { Revision } from "../storage/storage.ts";
import type { CachedEvent } from "./cache-state.ts";
import { WatchCache, type CachedBatch } from "./watch-cache.ts";

const log = silentLogger;

describeStorage("WatchCache over MemoryStorage", async () => {
  const clock = new FakeClock();
  const storage = new MemoryStorage({ clock, log });
  const cache = new WatchCache({ storage, prefix: "/", clock, log });
  await cache.start(new AbortController().signal);
  return {
    storage: cache,
    clock,
    cleanup: async () => {
      await cache.close();
      await storage.close();
    },
  };
});

describeStorage("WatchCache with little history", async () => {
  const clock = new FakeClock();
  const storage = new MemoryStorage({ clock, log });
  const cache = new WatchCache({ storage, prefix: "/", clock, log, historySize: 3 });
  await cache.start(new AbortController().signal);
  return {
    storage: cache,
    clock,
    cleanup: async () => {
      await cache.close();
      await storage.close();
    },
  };
});

const prefix = "/pods/";

describe("WatchCache", () => {
  let clock: FakeClock;
  let storage: MemoryStorage;
  let cache: WatchCache;
  let stop: AbortController;

  beforeEach(async () => {
    clock = new FakeClock();
    storage = new MemoryStorage({ clock, log });
    stop = new AbortController();
    cache = new WatchCache({
      storage,
      prefix,
      clock,
      log,
      historySize: 100,
      indexes: { "spec.nodeName": ["spec", "nodeName"] },
    });
    await put("first", "node-1");
    await cache.start(stop.signal);
  });

  afterEach(async () => {
    stop.abort();
    await cache.close();
    await storage.close();
  });

  const pod = (name: string, nodeName: string) =>
    Buffer.from(JSON.stringify({ kind: "Pod", metadata: { namespace: "a", name }, spec: { nodeName } }));
  const put = async (name: string, nodeName: string): Promise<Revision> => {
    const key = `${prefix}a/${name}`;
    const { revision } = await storage.put(key, pod(name, nodeName), (await storage.get(key))?.revision ?? 0);
    return revision;
  };
  const remove = async (name: string) =>
    storage.delete(`${prefix}a/${name}`, (await storage.get(`${prefix}a/${name}`))?.revision ?? 0);
  const watch = (after: Revision) => cache.watchCached(prefix, after, stop.signal)[Symbol.asyncIterator]();

  it("serves stored bytes with the resourceVersion in them, and the same object to everybody, frozen", async () => {
    const revision = await put("web", "node-1");
    await cache.freshen();
    const cached = cache.getCached(`${prefix}a/web`)!;
    expect(JSON.parse(Buffer.from(cached.bytes()).toString())).toEqual(cached.object);
    expect(cached.object.metadata.resourceVersion).toBe(`${revision}`);
    expect(cached.object).toBe(cached.object);
    expect(Object.isFrozen((cached.object as Pod).spec)).toBe(true);
  });

  it("encodes an event once for all its watchers", async () => {
    const watchers = [watch(cache.current), watch(cache.current)];
    const pending = watchers.map((watcher) => watcher.next());
    await put("web", "node-1");
    const [one, two] = (await Promise.all(pending)).map(({ value }) =>
      only(value as CachedBatch)
        .current!.event("ADDED")
        .bytes(),
    );
    expect(one).toBe(two);
    expect(Buffer.from(one!).toString()).toMatch(
      /^{"type":"ADDED","object":{"kind":"Pod","metadata":{"resourceVersion":"\d+",.*}}\n$/,
    );
  });

  it("shows the last object at the deletion's version", async () => {
    const watcher = watch(cache.current);
    const revision = await remove("first");
    const { current, previous } = only((await watcher.next()).value as CachedBatch);
    expect(current).toBeUndefined();
    const deleted = previous!.withRevision(revision);
    expect(deleted.object.metadata.resourceVersion).toBe(`${revision}`);
    expect(deleted.object.metadata.name).toBe("first");
    expect(previous!.withRevision(revision)).toBe(deleted);
  });

  it("finds objects by an index as they come, change and go", async () => {
    const on = (node: string) => cache.byIndex("spec.nodeName", node).map(({ object }) => object.metadata.name);
    await put("b", "node-2");
    await put("a", "node-2");
    await cache.freshen();
    expect([on("node-1"), on("node-2")]).toEqual([["first"], ["a", "b"]]);
    await put("b", "node-1");
    await remove("a");
    await cache.freshen();
    expect([on("node-1"), on("node-2")]).toEqual([["b", "first"], []]);
  });

  it("has seen other resources' writes too when freshened", async () => {
    const { revision } = await storage.put("/nodes/x", Buffer.from("{}"), 0);
    expect(cache.current).toBeLessThan(revision);
    expect(await cache.freshen()).toBe(revision);
  });

  it("waits for a version of the future, and says when its time is up", async () => {
    const next = cache.current + 1;
    const reached = cache.waitFor(next, { timeoutMs: 3000 });
    await put("web", "node-1");
    expect(await reached).toBe(true);
    const missed = cache.waitFor(next + 100, { timeoutMs: 3000 });
    await clock.advance(3000);
    expect(await missed).toBe(false);
  });

  it("lists an older revision from its history, and from the log what has left it, until that is compacted", async () => {
    const old = cache.current;
    await remove("first");
    await put("second", "node-1");
    await cache.freshen();
    expect(cache.listAt(prefix, old).map(({ key }) => key)).toEqual([`${prefix}a/first`]);
    expect(cache.listCached(prefix).map(({ key }) => key)).toEqual([`${prefix}a/second`]);
    for (let turn = 0; turn < 101; turn++) await put("second", `node-${turn}`);
    await cache.freshen();
    expect(() => cache.listAt(prefix, old)).toThrow(expect.objectContaining({ reason: "Expired" }) as Error);
    expect((await cache.listLong(prefix, old)).map(({ key }) => key)).toEqual([`${prefix}a/first`]);
    await storage.compact(cache.current);
    await expect(cache.listLong(prefix, old)).rejects.toMatchObject({ reason: "Expired" });
    await expect(watch(old).next()).rejects.toMatchObject({ reason: "Expired" });
  });

  it("shows a watcher from the log what has left the history, and goes on from the history, without a gap or a repetition", async () => {
    const old = cache.current;
    for (let turn = 0; turn < 150; turn++) await put("web", `node-${turn}`);
    await cache.freshen();
    const watcher = watch(old);
    const seen: string[] = [];
    const read = async (): Promise<void> => {
      const next = await watcher.next();
      seen.push((only(next.value as CachedBatch).current?.object as Pod).spec?.nodeName ?? "");
    };
    for (let turn = 0; turn < 120; turn++) await read();
    for (let turn = 150; turn < 160; turn++) await put("web", `node-${turn}`);
    while (seen.length < 160) await read();
    expect(seen).toEqual(Array.from({ length: 160 }, (_, turn) => `node-${turn}`));
  });

  it("keeps five minutes of history even when it is not full", async () => {
    const old = cache.current;
    await put("second", "node-1");
    await cache.freshen();
    await clock.advance(4 * 60_000);
    await put("third", "node-1");
    await cache.freshen();
    expect(cache.listAt(prefix, old)).toHaveLength(1);
    await clock.advance(2 * 60_000);
    await put("fourth", "node-1");
    await cache.freshen();
    expect(() => cache.listAt(prefix, old)).toThrow("compacted");
  });

  it("ends a watcher that is overrun, and no other", async () => {
    const slow = watch(cache.current);
    const fast = watch(cache.current);
    const first = slow.next();
    await put("web", "node-0");
    await first;
    await fast.next();
    for (let turn = 1; turn < 200; turn++) {
      await put("web", `node-${turn}`);
      await fast.next();
    }
    expect((await slow.next()).done).toBe(true);
    const pending = fast.next();
    await put("web", "last");
    expect((await pending).done).toBe(false);
    expect(cache.watchers).toBe(1);
  });

  it("ends its watchers with itself, and those that come later", async () => {
    const after = await storage.revision();
    const pending = watch(after).next();
    await cache.close();
    await expect(pending).rejects.toMatchObject({ reason: "Unavailable" });
    await expect(watch(after).next()).rejects.toMatchObject({ reason: "Unavailable" });
  });

  it("frees a watcher whose signal aborts", async () => {
    const pending = watch(cache.current).next();
    expect(cache.watchers).toBe(1);
    const reason = new Error("the client left");
    stop.abort(reason);
    await expect(pending).rejects.toBe(reason);
    expect(cache.watchers).toBe(0);
  });
});

describe("WatchCache with large objects", () => {
  it("keeps no more history than it may, but what it was told last, and reads the rest from the log", async () => {
    const clock = new FakeClock();
    const storage = new MemoryStorage({ clock, log });
    const cache = new WatchCache({ storage, prefix, clock, log, historyBytes: 10_000 });
    const stop = new AbortController();
    await cache.start(stop.signal);
    const start = cache.current;
    const put = (name: string, bytes: number) =>
      storage.put(`${prefix}a/${name}`, Buffer.from(JSON.stringify({ metadata: { name }, data: "x".repeat(bytes) })), 0);
    const fast = cache.watchCached(prefix, start, stop.signal);
    for (let turn = 0; turn < 20; turn++) {
      const next = fast.next();
      await put(`p${turn}`, 1_000);
      await next;
    }
    await cache.freshen();
    expect(() => cache.listAt(prefix, start)).toThrow("compacted");
    expect(cache.listAt(prefix, cache.current - 5)).toHaveLength(15);
    const next = fast.next();
    const { revision } = await put("huge", 100_000);
    expect(await next).toMatchObject({ done: false, value: { events: [{ revision }] } });
    const seen: string[] = [];
    for await (const batch of cache.watchCached(prefix, start, stop.signal)) {
      if ("events" in batch) for (const { current } of batch.events) seen.push(current?.object.metadata.name ?? "");
      if (seen.at(-1) === "huge") break;
    }
    expect(seen).toEqual([...Array.from({ length: 20 }, (_, turn) => `p${turn}`), "huge"]);
    stop.abort();
    await cache.close();
    await storage.close();
  });
});

describe("WatchCache whose storage forgot what it had not seen", () => {
  it("lists again, and tells its watchers that they must too", async () => {
    const clock = new FakeClock();
    const storage = new MemoryStorage({ clock, log });
    let cut = new AbortController();
    // Ends the cache's watch at will, as a lost connection would.
    const flaky = new Proxy(storage, {
      get: (target, name) => {
        if (name === "watch") {
          return (below: string, after: Revision, signal: AbortSignal) =>
            target.watch(below, after, AbortSignal.any([signal, cut.signal]));
        }
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? (member.bind(target) as unknown) : member;
      },
    });
    const cache = new WatchCache({ storage: flaky, prefix, clock, log });
    const stop = new AbortController();
    await cache.start(stop.signal);
    const watcher = cache.watchCached(prefix, cache.current, stop.signal).next();
    const ended = expect(watcher).rejects.toMatchObject({ reason: "Expired" });
    cut.abort(new Error("connection lost"));
    const { revision } = await storage.put(`${prefix}a/web`, Buffer.from('{"metadata":{}}'), 0);
    await storage.compact(revision);
    cut = new AbortController();
    await clock.advance(1000);
    await ended;
    expect(cache.current).toBe(revision);
    expect(cache.listCached(prefix)).toHaveLength(1);
    stop.abort();
    await cache.close();
    await storage.close();
  });
});

function only(batch: CachedBatch): CachedEvent {
  if (!("events" in batch) || batch.events.length !== 1) throw new Error("expected one event");
  return batch.events[0]!;
}

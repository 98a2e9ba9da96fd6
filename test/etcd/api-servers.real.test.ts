import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ConfigMap } from "#api/generated/types";
import type { Stored } from "#api/object";
import { configMaps, namespaces } from "#api/resource-type";
import { RealEtcd, whyNoEtcd } from "#apiserver/storage/etcd/real-etcd.testing";
import type { ApiClient, WatchEvent } from "#client/api-client";
import { startApiServer, type EtcdApiServer } from "./api-server.ts";
import { TcpCut } from "./tcp-cut.ts";

const reason = whyNoEtcd();
const namespace = "default";

const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({ metadata: { name, namespace }, data });

function watchFrom(client: ApiClient, resourceVersion: string, signal: AbortSignal): () => Promise<WatchEvent<ConfigMap>> {
  const events = client.watch(configMaps, { namespace, resourceVersion, signal })[Symbol.asyncIterator]();
  return async () => {
    const next = await events.next();
    if (next.done === true) throw new Error("the watch ended");
    return next.value;
  };
}

describe.skipIf(reason !== "")(`API servers on one etcd${reason && ` (skipped: ${reason})`}`, () => {
  let etcd: RealEtcd;
  let stop: AbortController;
  const started: { close(): Promise<void> }[] = [];
  const start = async (...args: Parameters<typeof startApiServer>): Promise<EtcdApiServer> => {
    const server = await startApiServer(...args);
    started.push(server);
    return server;
  };

  beforeAll(async () => {
    etcd = await RealEtcd.start();
    const server = await startApiServer({ servers: etcd.servers });
    await server.client.create(namespaces, { metadata: { name: namespace } });
    await server.close();
  });

  beforeEach(() => {
    stop = new AbortController();
  });

  afterEach(async () => {
    stop.abort();
    for (const server of started.splice(0).reverse()) await server.close();
  });

  afterAll(() => (etcd as RealEtcd | undefined)?.remove());

  it("show each other's writes at once, in reads and lists, whichever was asked to write", async () => {
    const servers = [await start({ servers: etcd.servers }), await start({ servers: etcd.servers })];
    for (let turn = 0; turn < 40; turn++) {
      const [writer, reader] = turn % 2 === 0 ? servers : [...servers].reverse();
      const name = `at-once-${turn}`;
      const { metadata } = await writer!.client.create(configMaps, configMap(name));
      // Something of another kind, so that the newest revision is not of what is read.
      await writer!.client.create(namespaces, { metadata: { name: `other-${turn}` } });
      expect((await reader!.client.get(configMaps, { namespace, name })).metadata.resourceVersion).toBe(metadata.resourceVersion);
      const { items } = await reader!.client.list(configMaps, { namespace });
      expect(items.filter((item) => item.metadata.name.startsWith("at-once-"))).toHaveLength(turn + 1);
    }
  });

  it("let one of two racing updates win, and tell the other of the conflict", async () => {
    const [one, two] = [await start({ servers: etcd.servers }), await start({ servers: etcd.servers })];
    let current: Stored<ConfigMap> = await one.client.create(configMaps, configMap("raced"));
    for (let turn = 0; turn < 20; turn++) {
      const attempts = [one, two].map(({ client }, index) =>
        client.update(configMaps, { ...current, data: { writer: `${turn}-${index}` } }),
      );
      const results = await Promise.allSettled(attempts);
      const won = results.filter((result) => result.status === "fulfilled");
      expect(won).toHaveLength(1);
      expect(results.find((result) => result.status === "rejected")?.reason).toMatchObject({ reason: "Conflict" });
      current = won[0]!.value;
      for (const { client } of [one, two])
        expect((await client.get(configMaps, { namespace, name: "raced" })).data).toEqual(current.data);
    }
  });

  it("count up one number together and lose nothing", async () => {
    const servers = [await start({ servers: etcd.servers }), await start({ servers: etcd.servers })];
    await servers[0]!.client.create(configMaps, configMap("counted", { n: "0" }));
    const increment = async (client: ApiClient): Promise<void> => {
      for (;;) {
        const found = await client.get(configMaps, { namespace, name: "counted" });
        const done = await client.update(configMaps, { ...found, data: { n: String(Number(found.data?.["n"]) + 1) } }).then(
          () => true,
          (error: unknown) => {
            expect(error).toMatchObject({ reason: "Conflict" });
            return false;
          },
        );
        if (done) return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => increment(servers[index % 2]!.client)));
    for (const { client } of servers)
      expect((await client.get(configMaps, { namespace, name: "counted" })).data).toEqual({ n: "20" });
  });

  it("deliver the same events in the same order to watchers of both, and a watch goes over from one to the other", async () => {
    const [one, two] = [await start({ servers: etcd.servers }), await start({ servers: etcd.servers })];
    const { metadata } = await one.client.list(configMaps, { namespace });
    const from = metadata.resourceVersion ?? "";
    const next = [watchFrom(one.client, from, stop.signal), watchFrom(two.client, from, stop.signal)];
    const write = async (index: number): Promise<void> => {
      const { client } = index % 2 === 0 ? one : two;
      const created = await client.create(configMaps, configMap(`watched-${index}`));
      await client.update(configMaps, { ...created, data: { changed: "yes" } });
      await client.delete(configMaps, { namespace, name: `watched-${index}` });
    };
    await Promise.all(Array.from({ length: 20 }, (_, index) => write(index)));
    const seen: string[][] = [];
    for (const read of next) {
      const events: string[] = [];
      for (let count = 0; count < 60; count++) {
        const event = await read();
        if (event.type !== "BOOKMARK")
          events.push(`${event.type} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`);
      }
      seen.push(events);
    }
    expect(new Set(seen[0]).size).toBe(60);
    expect(seen[1]).toEqual(seen[0]);
    const middle = seen[0]![29]!.split(" ")[2]!;
    const rest = watchFrom(two.client, middle, stop.signal);
    for (const expected of seen[0]!.slice(30)) {
      const event = await rest();
      expect(
        event.type !== "BOOKMARK" && `${event.type} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`,
      ).toBe(expected);
    }
  });

  it("know nothing of a cluster with another prefix, whose writes do not hold up their reads", async () => {
    const red = await start({ servers: etcd.servers, prefix: "/red" });
    const blue = await start({ servers: etcd.servers, prefix: "/blue" });
    await red.client.create(namespaces, { metadata: { name: "red" } });
    await blue.client.create(namespaces, { metadata: { name: "blue" } });
    for (let turn = 0; turn < 10; turn++) {
      await blue.client.create(namespaces, { metadata: { name: `blue-${turn}` } });
      const began = performance.now();
      expect((await red.client.list(namespaces)).items.map(({ metadata }) => metadata.name)).toEqual(["red"]);
      expect(performance.now() - began).toBeLessThan(1_500);
    }
    expect((await blue.client.list(namespaces)).items).toHaveLength(11);
  });

  it("cost one transaction and no read for a write of what the cache has", async () => {
    const { client } = await start({ servers: etcd.servers });
    const before = await requests(etcd);
    const created = await client.create(configMaps, configMap("cheap"));
    await client.list(configMaps, { namespace });
    const afterCreate = await requests(etcd);
    expect(afterCreate.transactions - before.transactions).toBe(1);
    await client.patch(configMaps, { namespace, name: "cheap" }, { type: "merge", patch: { data: { a: "b" } } });
    const afterPatch = await requests(etcd);
    expect(afterPatch.transactions - afterCreate.transactions).toBe(1);
    // The heartbeat may have come between.
    expect(afterPatch.ranges - afterCreate.ranges).toBeLessThanOrEqual(1);
    expect(created.metadata.name).toBe("cheap");
  });

  it("tell watchers that they missed what was compacted while etcd was out of reach, list anew, and go on", async () => {
    const way = await TcpCut.to(etcd.servers[0]!);
    started.push(way);
    const far = await start({ servers: [way.url] });
    const near = await start({ servers: etcd.servers });
    const { metadata } = await near.client.create(configMaps, configMap("before"));
    const next = watchFrom(far.client, String(Number(metadata.resourceVersion) - 1), stop.signal);
    expect(await next()).toMatchObject({ type: "ADDED" });
    // Compaction alone takes nothing from who is up to date.
    await near.storage.compact(await near.storage.revision());
    await near.client.create(configMaps, configMap("between"));
    expect(await next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "between" } } });
    way.cut();
    await near.client.create(configMaps, configMap("missed"));
    await near.client.delete(configMaps, { namespace, name: "before" });
    const { metadata: kept } = await near.client.create(configMaps, configMap("kept"));
    await near.storage.compact(Number(kept.resourceVersion));
    way.mend();
    await expect(next()).rejects.toMatchObject({ reason: "Expired" });
    const { items } = await far.client.list(configMaps, { namespace });
    const names = items.map((item) => item.metadata.name);
    expect(names).toContain("missed");
    expect(names).not.toContain("before");
    const again = watchFrom(far.client, kept.resourceVersion, stop.signal);
    await near.client.create(configMaps, configMap("later"));
    expect(await again()).toMatchObject({ type: "ADDED", object: { metadata: { name: "later" } } });
  });

  it("that start again let watchers go on from their versions, or tell them 410 when these have left the log", async () => {
    const before = await start({ servers: etcd.servers });
    const { metadata: lost } = await before.client.create(configMaps, configMap("restart-1"));
    const { metadata: kept } = await before.client.create(configMaps, configMap("restart-2"));
    await before.client.delete(configMaps, { namespace, name: "restart-1" });
    await before.close();
    const after = await start({ servers: etcd.servers });
    const both = watchFrom(after.client, lost.resourceVersion, stop.signal);
    expect(await both()).toMatchObject({ type: "ADDED", object: { metadata: { name: "restart-2" } } });
    expect(await both()).toMatchObject({ type: "DELETED", object: { metadata: { name: "restart-1" } } });
    await after.storage.compact(Number(kept.resourceVersion));
    await after.close();
    const { client } = await start({ servers: etcd.servers });
    await expect(watchFrom(client, lost.resourceVersion, stop.signal)()).rejects.toMatchObject({ reason: "Expired" });
    const rest = watchFrom(client, kept.resourceVersion, stop.signal);
    expect(await rest()).toMatchObject({ type: "DELETED", object: { metadata: { name: "restart-1" } } });
  });

  it("answer 503 while etcd is out of reach, and serve again when it is back", async () => {
    const way = await TcpCut.to(etcd.servers[0]!);
    started.push(way);
    const { client } = await start({ servers: [way.url] });
    way.cut();
    await expect
      .poll(() => client.create(configMaps, configMap("cut-off")).catch((error: unknown) => error))
      .toMatchObject({
        reason: "ServiceUnavailable",
      });
    await expect(client.list(configMaps, { namespace })).rejects.toMatchObject({ reason: "ServiceUnavailable" });
    way.mend();
    await expect
      .poll(() =>
        client.list(configMaps, { namespace }).then(
          () => "served",
          () => "not yet",
        ),
      )
      .toBe("served");
  });
});

/** What etcd has counted of its own requests. */
async function requests(etcd: RealEtcd): Promise<{ transactions: number; ranges: number }> {
  const text = await (await fetch(`${etcd.servers[0]!}/metrics`)).text();
  const count = (method: string): number =>
    Number(
      new RegExp(`grpc_server_started_total{grpc_method="${method}",grpc_service="etcdserverpb.KV".*} (\\S+)`).exec(text)?.[1],
    );
  return { transactions: count("Txn"), ranges: count("Range") };
}

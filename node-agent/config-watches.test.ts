import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PodSpec } from "#api/generated/types";
import { configMaps, secrets } from "#api/resource-type";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { SmallApi } from "#client/small-api.testing";
import { createClient } from "#client/transport-client";
import { configSource } from "./config-source.ts";
import { ConfigWatches, referencedConfig } from "./config-watches.ts";
import type { StoredPod } from "./pod-spec.ts";

const settings = { namespace: "default", name: "settings" };

function pod(uid: string, volumes: PodSpec["volumes"] & object): StoredPod {
  const metadata = { namespace: "default", name: uid, uid, resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
  return { metadata, spec: { containers: [], volumes } };
}

const showing = (uid: string): StoredPod => pod(uid, [{ name: "cfg", configMap: { name: "settings" } }]);

describe("watches of ConfigMaps and Secrets", () => {
  let clock: FakeClock;
  let api: SmallApi;
  let client: ApiClient;
  let stop: AbortController;
  let watches: ConfigWatches;

  beforeEach(() => {
    clock = new FakeClock();
    api = new SmallApi();
    client = createClient(api);
    stop = new AbortController();
    const source = configSource({ client, clock });
    watches = new ConfigWatches({
      client,
      source,
      clock,
      random: seededRandom(1),
      log: silentLogger,
      signal: stop.signal,
    });
  });
  afterEach(() => stop.abort());

  const set = async (color: string) => client.patch(configMaps, settings, { type: "merge", patch: { data: { color } } });
  const settle = () => clock.advance(0);
  const calls = (verb: string) => api.calls.filter((call) => call.verb === verb && call.type.resource === "configmaps").length;

  it("tell every pod that shows it of a change at once, and give them what is new without asking again", async () => {
    await client.create(configMaps, { metadata: settings, data: { color: "green" } });
    const told: string[] = [];
    const sources = ["a", "b"].map((uid) => watches.follow(showing(uid), () => told.push(uid)));
    for (const source of sources) expect((await source.configMap("default", "settings"))?.data).toEqual({ color: "green" });
    await settle();
    expect(told).toEqual([]);
    const reads = calls("get");
    await set("red");
    await settle();
    expect(told).toEqual(["a", "b"]);
    for (const source of sources) expect((await source.configMap("default", "settings"))?.data).toEqual({ color: "red" });
    expect([calls("get"), calls("list")]).toEqual([reads, 1]);
  });

  it("tell of what comes to be and of what goes", async () => {
    let told = 0;
    const source = watches.follow(showing("a"), () => told++);
    expect(await source.configMap("default", "settings")).toBeUndefined();
    await settle();
    await client.create(configMaps, { metadata: settings, data: {} });
    await settle();
    expect(told).toBe(1);
    expect(await source.configMap("default", "settings")).toBeDefined();
    await client.delete(configMaps, settings);
    await settle();
    expect(told).toBe(2);
    expect(await source.configMap("default", "settings")).toBeUndefined();
  });

  it("miss nothing that changes between the first read and the watch", async () => {
    await client.create(configMaps, { metadata: settings, data: { color: "green" } });
    let told = 0;
    api.intercept = ({ verb }) => (verb === "list" ? "fail" : undefined);
    const source = watches.follow(showing("a"), () => told++);
    expect((await source.configMap("default", "settings"))?.data).toEqual({ color: "green" });
    await settle();
    await set("red");
    api.intercept = () => undefined;
    await clock.advance(5000);
    expect(told).toBe(1);
  });

  it("end with the last pod that shows it, and with the knowledge that it never changes", async () => {
    await client.create(configMaps, { metadata: settings, data: { color: "green" } });
    let told = 0;
    for (const uid of ["a", "b"]) watches.follow(showing(uid), () => told++);
    await settle();
    watches.unfollow("a");
    told = 0;
    await set("red");
    await settle();
    expect(told).toBe(1);
    await client.patch(configMaps, settings, { type: "merge", patch: { immutable: true } });
    await settle();
    expect(told).toBe(2);
    await set("blue");
    await settle();
    watches.unfollow("b");
    await set("black");
    await settle();
    expect(told).toBe(2);
  });

  it("watch single objects only, each kind by its own name", async () => {
    const secret = { namespace: "default", name: "settings" };
    await client.create(secrets, { metadata: secret, data: {} });
    watches.follow(pod("a", [{ name: "s", secret: { secretName: "settings" } }]), () => undefined);
    await settle();
    const lists = api.calls.filter(({ verb }) => verb === "list");
    expect(lists.map(({ type, namespace, query }) => [type.resource, namespace, query?.["fieldSelector"]])).toEqual([
      ["secrets", "default", "metadata.name=settings"],
    ]);
  });

  it("find every reference of a pod's volumes, once", () => {
    const projected = {
      sources: [{ configMap: { name: "b" } }, { secret: { name: "t" } }, { configMap: { name: "a" } }],
    };
    const volumes = [
      { name: "1", configMap: { name: "a" } },
      { name: "2", secret: { secretName: "s" } },
      { name: "3", projected },
      { name: "4", emptyDir: {} },
    ];
    expect(referencedConfig(pod("a", volumes))).toEqual({ configMaps: ["a", "b"], secrets: ["s", "t"] });
  });
});

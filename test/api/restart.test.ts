/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openEmbeddedStorage } from "#apiserver/storage/embedded/embedded-storage";
import type { Storage } from "#apiserver/storage/storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { hasOwnServers, type ApiUnderTest } from "./api-under-test.ts";
import { configMap, configMaps, must } from "./objects.ts";
import { startHttps, startInProcess } from "./own-server.ts";

const waysIn = [
  ["over HTTPS", startHttps],
  ["in the same process", startInProcess],
] as const;

describe.runIf(hasOwnServers).each(waysIn)("after a restart of the server, %s", (_way, start) => {
  let directory: string;
  let storage: Storage;
  let api: ApiUnderTest;
  const open = async (): Promise<ApiUnderTest> => {
    storage = await openEmbeddedStorage({ directory, clock: systemClock, log: silentLogger });
    return start({ storage });
  };
  const restart = async (): Promise<void> => {
    await api.close();
    api = await open();
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "skiff-restart-"));
    api = await open();
  });
  afterEach(async () => {
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  test("a watcher goes on from its version: nothing that happened before or after is missing, nothing comes twice", async () => {
    const { body } = await api.request("GET", configMaps);
    for (const name of ["a", "b"]) await must(api.request("POST", configMaps, { body: configMap(name) }));
    await must(api.request("DELETE", `${configMaps}/a`));
    await restart();
    const watching = await api.watch(`${configMaps}?watch=true&resourceVersion=${String(body.metadata.resourceVersion)}`);
    await must(api.request("POST", configMaps, { body: configMap("c") }));
    const seen: string[] = [];
    for (let count = 0; count < 4; count++) {
      const event = await watching.next();
      seen.push(`${event?.type ?? "end"} ${String(event?.object.metadata.name)}`);
    }
    expect(seen).toEqual(["ADDED a", "ADDED b", "DELETED a", "ADDED c"]);
    watching.stop();
  });

  test("a watcher whose version has left the log is told 410, and one whose version is the oldest that is left goes on", async () => {
    const { body } = await api.request("GET", configMaps);
    const a = await must(api.request("POST", configMaps, { body: configMap("a") }));
    await must(api.request("POST", configMaps, { body: configMap("b") }));
    const kept = String(a.body.metadata.resourceVersion);
    await storage.compact(Number(kept));
    await restart();
    const late = await api.watch(`${configMaps}?watch=true&resourceVersion=${String(body.metadata.resourceVersion)}`);
    expect(await late.next()).toMatchObject({ type: "ERROR", object: { code: 410, reason: "Expired" } });
    expect(await late.next()).toBeUndefined();
    const inTime = await api.watch(`${configMaps}?watch=true&resourceVersion=${kept}`);
    expect(await inTime.next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "b" } } });
    inTime.stop();
  });

  test("a watcher that begins with what is there goes on from the bookmark behind it", async () => {
    await must(api.request("POST", configMaps, { body: configMap("a") }));
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const first = await api.watch(`${configMaps}?watch=true&${query}`);
    expect(await first.next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "a" } } });
    const mark = await first.next();
    expect(mark?.object.metadata.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
    first.stop();
    await must(api.request("POST", configMaps, { body: configMap("b") }));
    await restart();
    const again = await api.watch(`${configMaps}?watch=true&resourceVersion=${String(mark?.object.metadata.resourceVersion)}`);
    expect(await again.next()).toMatchObject({ type: "ADDED", object: { metadata: { name: "b" } } });
    again.stop();
  });

  test("the pages of a list that was begun before are of its version", async () => {
    for (const name of ["a", "b", "c"]) await must(api.request("POST", configMaps, { body: configMap(name) }));
    const first = await api.request("GET", `${configMaps}?limit=1`);
    await must(api.request("DELETE", `${configMaps}/b`));
    await restart();
    const rest = await api.request("GET", `${configMaps}?continue=${String(first.body.metadata.continue)}`);
    expect((rest.body.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name)).toEqual(["b", "c"]);
    expect(rest.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
  });

  test("versions go on from where they were", async () => {
    const before = await must(api.request("POST", configMaps, { body: configMap("a") }));
    await restart();
    const after = await must(api.request("POST", configMaps, { body: configMap("b") }));
    expect(Number(after.body.metadata.resourceVersion)).toBeGreaterThan(Number(before.body.metadata.resourceVersion));
    expect((await api.request("GET", `${configMaps}/a`)).body).toEqual(before.body);
  });
});

/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openEmbeddedStorage } from "#apiserver/storage/embedded/embedded-storage";
import type { Storage } from "#apiserver/storage/storage";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { hasOwnServers, type ApiUnderTest } from "./api-under-test.ts";
import { must } from "./objects.ts";
import { startInProcess } from "./own-server.ts";

const events = "/api/v1/namespaces/default/events";
const minute = 60_000;

describe.runIf(hasOwnServers)("events", () => {
  let directory: string;
  let storage: Storage;
  let api: ApiUnderTest;
  let clock: FakeClock;
  const open = async (): Promise<void> => {
    storage = await openEmbeddedStorage({ directory, clock, log: silentLogger });
    api = await startInProcess({ storage, clock });
  };
  const create = (name: string) => {
    const involvedObject = { kind: "Pod", namespace: "default", name: "a" };
    const body = { apiVersion: "v1", kind: "Event", metadata: { name }, involvedObject, reason: "Tested", message: "" };
    return must(api.request("POST", events, { body }));
  };
  const names = async (): Promise<string[]> => {
    const { body } = await api.request("GET", events);
    return (body["items"] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "skiff-events-"));
    clock = new FakeClock();
    await open();
  });

  afterEach(async () => {
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  test("are gone an hour after they were written last, across a restart, and watchers are told", async () => {
    await create("a");
    const { body } = await create("b");
    await clock.advance(30 * minute);
    await must(api.request("PUT", `${events}/b`, { body: { ...body, count: 2 } }));
    await api.close();
    await open();
    await clock.advance(29 * minute);
    expect(await names()).toEqual(["a", "b"]);
    const version = String((await api.request("GET", events)).body.metadata.resourceVersion);
    const watching = await api.watch(`${events}?watch=true&resourceVersion=${version}`);
    await clock.advance(2 * minute);
    expect(await watching.next()).toMatchObject({ type: "DELETED", object: { metadata: { name: "a" } } });
    watching.stop();
    expect(await names()).toEqual(["b"]);
    await clock.advance(30 * minute);
    await expect.poll(names).toEqual([]);
  });

  test("that expire by the thousand leave room for others' writes", async () => {
    await Promise.all(Array.from({ length: 3_000 }, (_, index) => create(`e-${index}`)));
    const before = await storage.revision();
    await clock.advance(61 * minute);
    await create("meanwhile");
    await expect.poll(names).toEqual(["meanwhile"]);
    const keys: string[] = [];
    for await (const batch of storage.watch("", before, new AbortController().signal)) {
      if (!("changes" in batch)) continue;
      keys.push(...batch.changes.map(({ key }) => key));
      if (batch.revision === (await storage.revision())) break;
    }
    // It did not wait until all of them had gone.
    expect(keys).toHaveLength(3_001);
    expect(keys.findIndex((key) => key.endsWith("/meanwhile"))).toBeLessThan(3_000);
  });
});

/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment -- bodies are looked at as they come */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ForwardingStorage } from "#apiserver/storage/forwarding-storage.testing";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { StorageError, type Entry, type Revision, type Storage } from "#apiserver/storage/storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import type { ApiUnderTest, Call, Reply } from "./api-under-test.ts";
import { hasOwnServers } from "./api-under-test.ts";
import { configMap, configMaps, must } from "./objects.ts";
import { startInProcess } from "./own-server.ts";

/** Writes, and does not live to say so. */
class DyingStorage extends ForwardingStorage {
  /** For good: reads are not answered either. */
  diesFor: "a moment" | "good" | undefined;

  override get(key: string): Promise<Entry | undefined> {
    if (this.diesFor === "good") throw new StorageError("Unavailable", "nobody is there");
    return super.get(key);
  }

  override put(...args: Parameters<Storage["put"]>): Promise<Entry> {
    return this.#unanswered(super.put(...args));
  }

  override delete(...args: Parameters<Storage["delete"]>): Promise<Revision> {
    return this.#unanswered(super.delete(...args));
  }

  async #unanswered<T>(done: Promise<T>): Promise<T> {
    const answer = await done;
    if (this.diesFor === undefined) return answer;
    throw new StorageError("OutcomeUnknown", "the connection broke");
  }
}

describe.runIf(hasOwnServers)("a write of which the store does not say how it went", () => {
  let storage: DyingStorage;
  let api: ApiUnderTest;
  let made: Reply;
  beforeEach(async () => {
    storage = new DyingStorage(new MemoryStorage({ clock: systemClock, log: silentLogger }));
    api = await startInProcess({ storage });
    made = await must(api.request("POST", configMaps, { body: configMap("a", { data: { list: "x" } }) }));
  });
  afterEach(async () => {
    storage.diesFor = undefined;
    await api.close();
  });

  let contents = 0;
  const version = (): string => String(made.body.metadata.resourceVersion);
  const replaced = (metadata: object = {}): Call => ({
    body: configMap("a", { metadata: { name: "a", ...metadata }, data: { list: `${++contents}` } }),
  });

  test.each(["a moment", "good"] as const)(
    "is answered with 504, and not as if nothing had happened, when it is gone for %s",
    async (time) => {
      const merge = { contentType: "application/merge-patch+json", body: { data: { list: "z" } } };
      const writes: readonly (readonly [string, () => Call])[] = [
        ["PUT", () => replaced()],
        ["PUT", () => replaced({ resourceVersion: version() })],
        ["PATCH", () => merge],
        ["DELETE", () => ({})],
      ];
      for (const [method, call] of writes) {
        storage.diesFor = time;
        const { status, body } = await api.request(method, `${configMaps}/a`, call());
        expect([method, status, body.reason]).toEqual([method, 504, "Timeout"]);
        storage.diesFor = undefined;
        await api.request("POST", configMaps, { body: configMap("a") });
        made = await must(api.request("GET", `${configMaps}/a`));
      }
    },
  );

  test("is not done a second time", async () => {
    const pods = await must(api.request("PATCH", `${configMaps}/a`, finalizer("example.com/one")));
    expect(pods.body.metadata.finalizers).toEqual(["example.com/one"]);
    storage.diesFor = "a moment";
    expect((await api.request("PATCH", `${configMaps}/a`, finalizer("example.com/two"))).status).toBe(504);
    storage.diesFor = undefined;
    const { body } = await must(api.request("GET", `${configMaps}/a`));
    expect(body.metadata.finalizers).toEqual(["example.com/one", "example.com/two"]);
  });
});

/** What a JSON patch adds to a list it adds each time. */
function finalizer(name: string): Call {
  const isFirst = name.endsWith("one");
  const op = isFirst
    ? { op: "add", path: "/metadata/finalizers", value: [name] }
    : { op: "add", path: "/metadata/finalizers/-", value: name };
  return { contentType: "application/json-patch+json", body: [op] };
}

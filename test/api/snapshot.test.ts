import { afterEach, describe, expect, test } from "vitest";
import { ForwardingStorage } from "#apiserver/storage/forwarding-storage.testing";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { checkSnapshot } from "#apiserver/storage/snapshot/read-snapshot";
import { StorageError, type Dump, type Storage } from "#apiserver/storage/storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { hasOwnServers, type ApiUnderTest } from "./api-under-test.ts";
import { configMap, configMaps, must } from "./objects.ts";
import { startHttps } from "./own-server.ts";

const path = "/debug/snapshot";

describe.runIf(hasOwnServers)("a snapshot from the server", () => {
  let api: ApiUnderTest;
  afterEach(() => api.close());

  const memory = (): Storage => new MemoryStorage({ clock: systemClock, log: silentLogger });
  const start = async (storage = memory()): Promise<NonNullable<ApiUnderTest["http"]>["raw"]> => {
    api = await startHttps({ storage });
    return api.http!.raw;
  };
  async function* of(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    yield bytes;
  }

  test("is whole, and holds what has been written", async () => {
    const raw = await start();
    await must(api.request("POST", configMaps, { body: configMap("one") }));
    const { status, headers, bytes } = await raw("GET", path);
    expect([status, headers["content-type"]]).toEqual([200, "application/octet-stream"]);
    const { count } = await checkSnapshot(of(bytes));
    expect(count).toBeGreaterThan(1);
    expect(bytes.includes('"name":"one"')).toBe(true);
  });

  test("is for administrators alone", async () => {
    const raw = await start();
    for (const as of [
      {},
      { user: "somebody" },
      { user: "system:node:node-1", groups: ["system:nodes"] },
      { user: "a", groups: ["system:serviceaccounts"] },
    ])
      expect((await raw("GET", path, { as })).status).toBe(403);
  });

  test("is refused in words when the store does not answer, and ends without its end when it fails later", async () => {
    class Failing extends ForwardingStorage {
      override async dump(prefix: string): Promise<Dump> {
        if (answers++ === 0) throw new StorageError("Unavailable", "etcd: it is away");
        return { ...(await super.dump(prefix)), pages: broken() };
      }
    }
    async function* broken(): AsyncGenerator<never> {
      await systemClock.sleep(10);
      throw new StorageError("Unavailable", "etcd: it went away");
      yield [] as never;
    }
    let answers = 0;
    const raw = await start(new Failing(memory()));
    const { status, bytes } = await raw("GET", path);
    expect(status).toBe(503);
    expect(bytes.toString()).toContain("the store cannot be read: etcd: it is away");
    const later = await raw("GET", path).then(
      ({ bytes: got }) => checkSnapshot(of(got)).catch((error: unknown) => error),
      (error: unknown) => error,
    );
    expect(later).toBeInstanceOf(Error);
    expect((await raw("GET", "/livez")).status).toBe(200);
  });
});

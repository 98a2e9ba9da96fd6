import { Etcd3 } from "etcd3";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { hasStorageReason } from "../storage.ts";
import { openEtcdStorage, type EtcdStorage } from "./etcd-storage.ts";
import { RealEtcd, whyNoEtcd } from "./real-etcd.testing.ts";

const reason = whyNoEtcd();

describe.skipIf(reason !== "")(`etcd at its limits${reason && ` (skipped: ${reason})`}`, () => {
  let etcd: RealEtcd;
  let storage: EtcdStorage;
  const start = async (...extra: string[]): Promise<void> => {
    etcd = await RealEtcd.start(1, { extra });
    const shared = { clock: systemClock, random: systemRandom, log: silentLogger };
    storage = await openEtcdStorage({ etcd: { servers: etcd.servers }, ...shared });
  };

  afterEach(async () => {
    await (storage as EtcdStorage | undefined)?.close();
    await (etcd as RealEtcd | undefined)?.remove();
  });

  it("shows a revision of more than one message as one batch, with what was there before", async () => {
    await start();
    const client = new Etcd3({ hosts: etcd.servers });
    const stop = new AbortController();
    const begin = await storage.revision();
    const value = Buffer.alloc(12_000, "x");
    const put = { request_put: { key: Buffer.alloc(0), value } };
    const success = Array.from({ length: 100 }, (_, index) => ({
      request_put: { ...put.request_put, key: Buffer.from(`/registry/k/${String(index).padStart(3, "0")}`) },
    }));
    const second = { success: success.map(({ request_put: one }) => ({ request_delete_range: { key: one.key } })) };
    await client.kv.txn({ success });
    await client.kv.txn({ success });
    await client.kv.txn(second).finally(() => client.close());
    // From memory, and read anew: the first change of all comes with 1.2 MB, the second with twice that.
    await expect.poll(() => storage.revision()).toBe(begin + 3);
    const shared = { clock: systemClock, random: systemRandom, log: silentLogger };
    const fresh = await openEtcdStorage({ etcd: { servers: etcd.servers }, ...shared });
    for (const store of [storage, fresh]) {
      const sizes: [number, number, number][] = [];
      for await (const batch of store.watch("/registry/k/", begin, stop.signal)) {
        if (!("changes" in batch)) continue;
        const { changes } = batch;
        const bytes = (all: readonly (Uint8Array | undefined)[]): number => all.reduce((sum, one) => sum + (one?.length ?? 0), 0);
        sizes.push([changes.length, bytes(changes.map((one) => one.value)), bytes(changes.map((one) => one.previous?.value))]);
        if (batch.revision === begin + 3) break;
      }
      expect(sizes).toEqual([
        [100, 1_200_000, 0],
        [100, 1_200_000, 1_200_000],
        [100, 0, 1_200_000],
      ]);
    }
    await fresh.close();
  });

  it("refuses writes with NoSpace when its quota is used up, having done nothing of them, and goes on reading", async () => {
    await start("--quota-backend-bytes", String(2 * 1024 * 1024));
    const value = Buffer.alloc(100_000, "x");
    const written: string[] = [];
    let unclear: string | undefined;
    const fill = async (): Promise<void> => {
      for (let turn = 0; turn < 100; turn++) {
        const key = `/registry/k/${turn}`;
        await storage.put(key, value, 0).catch((error: unknown) => {
          // Of the write that took the last of its space etcd may say so after applying it.
          if (hasStorageReason(error, "OutcomeUnknown")) unclear = key;
          throw error;
        });
        written.push(key);
      }
    };
    await expect(fill()).rejects.toSatisfy((error) => hasStorageReason(error, "NoSpace", "OutcomeUnknown"));
    await expect(storage.put("/registry/k/more", value, 0)).rejects.toMatchObject({ reason: "NoSpace" });
    const { entries } = await storage.list("/registry/k/");
    const there = entries.map(({ key }) => key).filter((key) => key !== unclear);
    expect(there.sort()).toEqual(written.sort());
  });

  it("refuses an object that is larger than it takes", async () => {
    await start();
    await expect(storage.put("/registry/k/a", Buffer.alloc(1_600_000), 0)).rejects.toMatchObject({ reason: "TooLarge" });
    await expect(storage.put("/registry/k/a", Buffer.alloc(3_000_000), 0)).rejects.toMatchObject({ reason: "TooLarge" });
    expect(await storage.get("/registry/k/a")).toBeUndefined();
  });
});

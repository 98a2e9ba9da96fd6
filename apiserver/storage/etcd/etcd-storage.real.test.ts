import { describe, expect, it } from "vitest";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { describeStorage } from "../conformance.ts";
import type { Change } from "../storage.ts";
import { openEtcdStorage, type EtcdStorage } from "./etcd-storage.ts";
import { etcdVersion, RealEtcd, whyNoEtcd } from "./real-etcd.testing.ts";
import { SkippingClock } from "./skipping-clock.testing.ts";

const reason = whyNoEtcd();

describe.skipIf(reason !== "")(`etcd ${etcdVersion()}${reason && ` (skipped: ${reason})`}`, () => {
  describeStorage("EtcdStorage", async () => {
    const etcd = await RealEtcd.start();
    const clock = new SkippingClock();
    const options = { etcd: { servers: etcd.servers }, clock, random: systemRandom, log: silentLogger };
    let storage = await openEtcdStorage(options);
    return {
      storage,
      clock,
      reopen: async () => {
        await storage.close();
        return (storage = await openEtcdStorage(options));
      },
      cleanup: async () => {
        await storage.close();
        await etcd.remove();
      },
    };
  });

  it("tells of a write of its own with the value that was written, and of another's with a copy", async () => {
    const etcd = await RealEtcd.start();
    const stop = new AbortController();
    const open = (): Promise<EtcdStorage> =>
      openEtcdStorage({ etcd: { servers: etcd.servers }, clock: systemClock, random: systemRandom, log: silentLogger });
    const [ours, theirs] = await Promise.all([open(), open()]);
    try {
      const value = Buffer.alloc(4, "ours");
      const { revision } = await ours.put("/registry/a", value, 0);
      await theirs.put("/registry/a", Buffer.from("theirs"), revision);
      const seen: Change[] = [];
      for await (const batch of ours.watch("/registry/", revision - 1, stop.signal)) {
        if ("changes" in batch) seen.push(...batch.changes);
        if (seen.length === 2) break;
      }
      expect(seen.map((change) => change.value === value)).toEqual([true, false]);
      expect(seen.map((change) => String(change.value))).toEqual(["ours", "theirs"]);
      expect(seen[1]?.previous).toMatchObject({ revision });
    } finally {
      stop.abort();
      await Promise.all([ours.close(), theirs.close()]);
      await etcd.remove();
    }
  });
});

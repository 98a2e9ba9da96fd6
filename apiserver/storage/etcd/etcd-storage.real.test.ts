import { describe } from "vitest";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { describeStorage } from "../conformance.ts";
import { openEtcdStorage } from "./etcd-storage.ts";
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
});

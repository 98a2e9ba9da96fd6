import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { describeStorage } from "../conformance.ts";
import { MemoryStorage } from "./memory-storage.ts";

describeStorage("MemoryStorage", async () => {
  const clock = new FakeClock();
  const storage = new MemoryStorage({ clock, log: silentLogger });
  return { storage, clock, cleanup: () => storage.close() };
});

import { describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { tooLarge } from "./keep-history.ts";
import { MemoryStorage } from "./memory/memory-storage.ts";
import { hasStorageReason } from "./storage.ts";

const seen = (...revisions: number[]) => revisions.map((revision, index) => ({ at: index * 5_000, revision }));

describe("history that is too large", () => {
  it("is given up as far as brings it within its bound", () => {
    const history = seen(1_000, 10_000, 20_000, 40_000);
    expect(tooLarge(history, 15_000, { floor: 0, bytes: 400, mostBytes: 400 })).toBe(0);
    expect(tooLarge(history, 15_000, { floor: 0, bytes: 500, mostBytes: 400 })).toBe(8_000);
  });

  it("is kept for ten seconds and a thousand commits whatever its size, for those who follow it closely", () => {
    const history = seen(1_000, 10_000, 20_000, 40_000);
    expect(tooLarge(history, 15_000, { floor: 0, bytes: 1_000_000, mostBytes: 1 })).toBe(10_000);
    expect(tooLarge(history, 9_000, { floor: 0, bytes: 1_000_000, mostBytes: 1 })).toBe(0);
    expect(tooLarge(seen(1, 2, 1_500, 1_500, 1_500), 20_000, { floor: 0, bytes: 1_000_000, mostBytes: 1 })).toBe(500);
    expect(tooLarge(seen(1, 2, 900, 900, 900), 20_000, { floor: 0, bytes: 1_000_000, mostBytes: 1 })).toBe(0);
  });

  it("goes by itself, before its five minutes", async () => {
    const clock = new FakeClock();
    const storage = new MemoryStorage({ clock, log: silentLogger });
    const value = new Uint8Array(1_000_000);
    let { revision } = await storage.put("/large", value, 0);
    const first = revision;
    for (let turn = 0; turn < 2_000; turn++) ({ revision } = await storage.put("/large", value, revision));
    expect((await storage.list("", { at: first })).entries).toHaveLength(1);
    await clock.advance(20_000);
    await expect(storage.list("", { at: first })).rejects.toSatisfy((error) => hasStorageReason(error, "Expired"));
    // A thousand commits stay, although they are more than is kept of a longer history.
    expect((await storage.list("", { at: revision - 999 })).entries).toHaveLength(1);
    await storage.close();
  });
});

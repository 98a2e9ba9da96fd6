import { describe, expect, it } from "vitest";
import type { Clock } from "./clock.ts";
import { TimeSlices } from "./time-slices.ts";

/** A clock whose sleepers find that others took so long in between. */
function clockOf(turns: readonly number[]) {
  let now = 0;
  let slept = 0;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: (_, signal) => {
      signal?.throwIfAborted();
      now += turns[slept++] ?? 1;
      return Promise.resolve();
    },
  };
  return { clock, pass: (ms: number) => (now += ms), slept: () => slept };
}

/** How many items are taken until it is over. */
function itemsUntilOver(slices: TimeSlices, perItem: () => void): number {
  for (let items = 1; items < 10_000; items++) {
    perItem();
    if (slices.isOver) return items;
  }
  return Infinity;
}

describe("work in slices", () => {
  it("is interrupted after some milliseconds, and not before", () => {
    const { clock, pass } = clockOf([]);
    const slices = new TimeSlices(clock);
    expect(itemsUntilOver(slices, () => undefined)).toBe(Infinity);
    const items = itemsUntilOver(slices, () => pass(0.1));
    expect(items).toBeGreaterThanOrEqual(50);
    expect(items).toBeLessThan(80);
  });

  it("goes on after one turn when nobody else has much to do", async () => {
    const { clock, slept } = clockOf([1]);
    await new TimeSlices(clock).next();
    expect(slept()).toBe(1);
  });

  it("waits while others are busy, but not for ever", async () => {
    const some = clockOf([10, 10, 1]);
    await new TimeSlices(some.clock).next();
    expect(some.slept()).toBe(3);
    const many = clockOf(Array.from({ length: 1000 }, () => 10));
    await new TimeSlices(many.clock).next();
    expect(many.slept()).toBe(8);
  });

  it("begins anew with each slice", async () => {
    const { clock, pass } = clockOf([1]);
    const slices = new TimeSlices(clock);
    pass(100);
    await slices.next();
    expect(itemsUntilOver(slices, () => undefined)).toBe(Infinity);
  });

  it("ends with the signal's reason", async () => {
    const reason = new Error("no more");
    await expect(
      new TimeSlices(clockOf([]).clock).next(AbortSignal.abort(reason)).catch((error: unknown) => error),
    ).resolves.toBe(reason);
  });
});

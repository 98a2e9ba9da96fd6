import { FakeClock } from "#base/fake-clock";
import { describe, expect, test } from "vitest";
import { WorkQueue } from "./work-queue.ts";

function setUp() {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ clock }) };
}

describe("WorkQueue", () => {
  test("hands out a key once that was added twice", async () => {
    const { queue } = setUp();
    queue.add("a");
    queue.add("b");
    queue.add("a");
    expect([await queue.take(), await queue.take()]).toEqual(["a", "b"]);
    expect(queue.length).toBe(0);
  });

  test("never hands a key to a second worker while a first one has it", async () => {
    const { queue } = setUp();
    queue.add("a");
    await queue.take();
    queue.add("a");
    queue.add("b");
    expect(await queue.take()).toBe("b");
    expect(queue.length).toBe(0);
    queue.done("a");
    expect(await queue.take()).toBe("a");
  });

  test("gives a key to the worker who waits longest", async () => {
    const { queue } = setUp();
    const [first, second] = [queue.take(), queue.take()];
    queue.add("a");
    queue.add("b");
    expect(await Promise.all([first, second])).toEqual(["a", "b"]);
  });

  test("adds a delayed key when it is due, at the earliest of its times", async () => {
    const { clock, queue } = setUp();
    queue.addAfter("a", 1000);
    queue.addAfter("a", 500);
    queue.addAfter("a", 2000);
    await clock.advance(499);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
    await queue.take();
    queue.done("a");
    await clock.advance(5000);
    expect(queue.length).toBe(0);
  });

  test("doubles the wait with each failure of a key up to the limit, until it is forgotten", async () => {
    const { clock, queue } = setUp();
    const waits: number[] = [];
    for (let failure = 0; failure < 20; failure++) {
      const start = clock.monotonic();
      queue.addRateLimited("a");
      while (queue.length === 0) await clock.advance(failure < 8 ? 5 : 5 * 2 ** Math.min(failure - 8, 10));
      waits.push(clock.monotonic() - start);
      queue.done((await queue.take())!);
    }
    expect(waits.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(1_000_000);
    expect(waits.at(-1)).toBeLessThan(1_010_000);
    queue.forget("a");
    expect(queue.failures("a")).toBe(0);
  });

  test("hands out what is there after it was shut down, and nothing new", async () => {
    const { clock, queue } = setUp();
    queue.add("a");
    queue.addAfter("late", 10);
    queue.shutDown();
    queue.add("b");
    await clock.advance(20);
    expect([await queue.take(), await queue.take()]).toEqual(["a", undefined]);
    expect(clock.waiting).toBe(0);
  });

  test("wakes workers that wait when it is shut down", async () => {
    const { queue } = setUp();
    const waiting = queue.take();
    queue.shutDown();
    expect(await waiting).toBeUndefined();
  });
});

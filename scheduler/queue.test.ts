import { FakeClock } from "#base/fake-clock";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { beforeEach, describe, expect, test } from "vitest";
import { type QueuedPod, SchedulingQueue } from "./queue.ts";

let clock: FakeClock;
let queue: SchedulingQueue;

beforeEach(() => {
  clock = new FakeClock();
  queue = new SchedulingQueue({ clock, wakesOn: new Map([["Fit", ["podDeleted" as const]]]) });
});

const { signal } = new AbortController();

function pod(name: string, priority = 0): Stored<Pod> {
  return { metadata: { name, uid: name, resourceVersion: "1", creationTimestamp: "" }, spec: { containers: [], priority } };
}

/** What is taken within `ms`, and when. */
async function takenWithin(ms: number): Promise<{ queued: QueuedPod; afterMs: number } | undefined> {
  const start = clock.monotonic();
  const abort = new AbortController();
  let taken: QueuedPod | undefined;
  let at = 0;
  const taking = queue.take(abort.signal).then(
    (queued) => {
      taken = queued;
      at = clock.monotonic() - start;
    },
    () => undefined,
  );
  for (let waited = 0; waited < ms && taken === undefined; waited += 100) await clock.advance(100);
  abort.abort(new Error("nothing came"));
  await taking;
  return taken && { queued: taken, afterMs: at };
}

describe("SchedulingQueue", () => {
  test("hands out the more important pod first, and of equals the one that waits longer", async () => {
    queue.add(pod("a"));
    await clock.advance(1);
    queue.add(pod("b"));
    queue.add(pod("c", 10));
    const order = [await queue.take(signal), await queue.take(signal), await queue.take(signal)];
    expect(order.map((queued) => queued.pod.metadata.name)).toEqual(["c", "a", "b"]);
  });

  test("waits for a pod", async () => {
    const taking = queue.take(signal);
    await clock.advance(10);
    queue.add(pod("late"));
    expect((await taking).pod.metadata.name).toBe("late");
  });

  test("lets a pod that failed wait for one second, then two, then four, and ten at most", async () => {
    queue.add(pod("a"));
    const waits: number[] = [];
    for (let attempt = 0; attempt < 6; attempt++) {
      const taken = await takenWithin(20_000);
      waits.push(taken!.afterMs);
      expect(taken!.queued.attempts).toBe(attempt + 1);
      queue.retry(taken!.queued);
    }
    expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 10_000]);
  });

  test("brings a pod that no node can take back when something happens that may help, after its back-off", async () => {
    queue.add(pod("a"));
    queue.park(await queue.take(signal), new Set(["Fit"]));
    queue.happened("nodeDeleted");
    expect(await takenWithin(5000)).toBeUndefined();
    queue.happened("podDeleted");
    expect((await takenWithin(1000))?.afterMs).toBe(0);
    queue.park((await queuedAgain("b"))!, new Set(["Fit"]));
    queue.happened("podDeleted");
    expect((await takenWithin(2000))?.afterMs).toBe(1000);
  });

  test("brings it back after five minutes even if nothing happens", async () => {
    queue.add(pod("a"));
    queue.park(await queue.take(signal), new Set(["Fit"]));
    expect((await takenWithin(400_000))?.afterMs).toBe(300_000);
  });

  test("forgets a pod that is deleted, and has the newest state of one that changed", async () => {
    queue.add(pod("a"));
    queue.add(pod("b"));
    queue.delete("a");
    queue.refresh({ ...pod("b"), metadata: { ...pod("b").metadata, resourceVersion: "2" } });
    expect((await queue.take(signal)).pod.metadata).toMatchObject({ name: "b", resourceVersion: "2" });
    expect(queue.has("a")).toBe(false);
  });
});

async function queuedAgain(name: string): Promise<QueuedPod | undefined> {
  queue.add(pod(name));
  return queue.take(signal);
}

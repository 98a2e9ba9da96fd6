import { FakeClock } from "#base/fake-clock";
import { beforeEach, describe, expect, test } from "vitest";
import type { ClusterEvent } from "./cluster-event.ts";
import type { SchedulerPlugin } from "./plugin.ts";
import { type PodInfo, podInfoOf } from "./pod-info.ts";
import { type QueuedPod, SchedulingQueue } from "./queue.ts";

const fit: SchedulerPlugin = {
  name: "Fit",
  prepare: () => undefined,
  wakes: (_pod, event) => event.type === "podDeleted",
};
const left: ClusterEvent = { type: "podDeleted", pod: pod("left").pod };

let clock: FakeClock;
let queue: SchedulingQueue;

beforeEach(() => {
  clock = new FakeClock();
  queue = new SchedulingQueue({ clock, plugins: [fit] });
});

const { signal } = new AbortController();

function pod(name: string, priority = 0, resourceVersion = "1"): PodInfo {
  const metadata = { name, uid: name, resourceVersion, creationTimestamp: "" };
  return podInfoOf({ metadata, spec: { containers: [], priority } });
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
    expect(order.map((queued) => queued.info.uid)).toEqual(["c", "a", "b"]);
  });

  test("waits for a pod", async () => {
    const taking = queue.take(signal);
    await clock.advance(10);
    queue.add(pod("late"));
    expect((await taking).info.uid).toBe("late");
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

  test("brings a pod that no node can take back when something happens that may help", async () => {
    queue.add(pod("a"));
    queue.park(await queue.take(signal), new Set(["Fit"]));
    queue.happened({ type: "namespaceChanged" });
    expect(await takenWithin(5000)).toBeUndefined();
    queue.happened(left);
    expect((await takenWithin(1000))?.afterMs).toBe(0);
  });

  test("lets it wait for its back-off only while there are others to try", async () => {
    queue.add(pod("a", 9));
    queue.park(await queue.take(signal), new Set(["Fit"]));
    queue.happened(left);
    queue.add(pod("b"));
    expect((await queue.take(signal)).info.uid).toBe("b");
    expect((await takenWithin(100))?.queued.info.uid).toBe("a");
  });

  test("of two that something has helped, tries the one that is due first, and within a second the more important one", async () => {
    for (const info of [pod("early", 0), pod("late", 5), pod("soon", 9)]) queue.add(info);
    const taken = [await queue.take(signal), await queue.take(signal), await queue.take(signal)];
    queue.park(
      taken.find(({ info }) => info.uid === "early")!,
      new Set(["Fit"]),
    );
    await clock.advance(500);
    queue.park(
      taken.find(({ info }) => info.uid === "soon")!,
      new Set(["Fit"]),
    );
    await clock.advance(700);
    queue.park(
      taken.find(({ info }) => info.uid === "late")!,
      new Set(["Fit"]),
    );
    queue.happened(left);
    const order = [await queue.take(signal), await queue.take(signal), await queue.take(signal)];
    expect(order.map(({ info }) => info.uid)).toEqual(["early", "soon", "late"]);
  });

  test("does not miss what happens while a pod is tried", async () => {
    queue.add(pod("a"));
    const queued = await queue.take(signal);
    queue.happened(left);
    queue.park(queued, new Set(["Fit"]));
    expect((await takenWithin(2000))?.queued.info.uid).toBe("a");
  });

  test("does not count what happened before a pod was tried", async () => {
    queue.add(pod("other"));
    await queue.take(signal);
    queue.happened(left);
    queue.add(pod("a"));
    queue.park(await queue.take(signal), new Set(["Fit"]));
    expect(await takenWithin(5000)).toBeUndefined();
  });

  test("tries a pod again that changed while it was tried, as it is now", async () => {
    queue.add(pod("a"));
    const queued = await queue.take(signal);
    queue.add(pod("a", 0, "2"));
    queue.park(queued, new Set(["Fit"]));
    expect((await takenWithin(2000))?.queued.info.pod.metadata.resourceVersion).toBe("2");
  });

  test("does not take a pod back that was deleted while it was tried", async () => {
    for (const giveBack of [(queued: QueuedPod) => queue.retry(queued), (queued: QueuedPod) => queue.park(queued, new Set())]) {
      queue.add(pod("a"));
      const queued = await queue.take(signal);
      queue.delete("a");
      giveBack(queued);
      expect(queue.has("a")).toBe(false);
    }
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
    queue.refresh(pod("b", 0, "2"));
    expect((await queue.take(signal)).info.pod.metadata).toMatchObject({ name: "b", resourceVersion: "2" });
    expect(queue.has("a")).toBe(false);
  });
});

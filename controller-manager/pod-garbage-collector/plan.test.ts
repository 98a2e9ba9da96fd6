import { expect, test } from "vitest";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { deepFreeze } from "#base/deep-freeze";
import { planPodGarbage, type PodGarbageView } from "./plan.ts";

const metadata = { name: "x", namespace: "default", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
const going = { ...metadata, deletionTimestamp: "2026-01-01T00:30:00Z" };
const there = { type: "there", isOutOfService: false } as const;

function plan(node: PodGarbageView["node"], part: Partial<Pod> = {}, isSurplus = false) {
  const pod = { metadata, status: { phase: "Running" }, ...part } as Stored<Pod>;
  return planPodGarbage(deepFreeze({ pod, node, isSurplus, now: Date.parse("2026-01-01T01:00:00Z") }));
}
const removal = { type: "delete", gracePeriodSeconds: 0 };

// Source: gcOrphaned, gcUnscheduledTerminating, gcTerminating and gcTerminated of pkg/controller/podgc.
test("a pod of a node that is gone for forty seconds fails and goes", () => {
  expect(plan({ type: "gone", forMs: 10_000 })).toEqual({ steps: [], requeueAfterMs: 30_000 });
  const [fail, remove] = plan({ type: "gone", forMs: 40_000 }).steps;
  expect(fail).toMatchObject({
    type: "update",
    subresource: "status",
    object: { status: { phase: "Failed", conditions: [{ type: "DisruptionTarget", reason: "DeletionByPodGC" }] } },
  });
  expect(remove).toMatchObject(removal);
});

test("one that had ended keeps saying how", () => {
  expect(plan({ type: "gone", forMs: 40_000 }, { status: { phase: "Succeeded" } }).steps).toMatchObject([removal]);
});

test("one that was deleted before it had a node goes at once; one that waits for a node stays", () => {
  expect(plan({ type: "none" }, { metadata: going }).steps).toMatchObject([{ object: { status: { phase: "Failed" } } }, removal]);
  expect(plan({ type: "none" })).toEqual({ steps: [] });
});

test("one that is deleted on a node out of service is not waited for", () => {
  const [fail, remove] = plan({ type: "there", isOutOfService: true }, { metadata: going }).steps;
  expect(fail).toMatchObject({ type: "update", object: { status: { phase: "Failed" } } });
  expect(fail).not.toHaveProperty("object.status.conditions");
  expect(remove).toMatchObject(removal);
  expect(plan({ type: "there", isOutOfService: true })).toEqual({ steps: [] });
  expect(plan(there, { metadata: going })).toEqual({ steps: [] });
});

test("of too many that have ended the oldest go", () => {
  expect(plan(there, { status: { phase: "Failed" } }, true).steps).toMatchObject([removal]);
  expect(plan(there, { status: { phase: "Failed" } })).toEqual({ steps: [] });
});

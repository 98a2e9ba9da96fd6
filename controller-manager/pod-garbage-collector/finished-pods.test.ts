import { expect, test } from "vitest";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { FinishedPods } from "./finished-pods.ts";

function ended(name: string, second: number, reason?: string): Stored<Pod> {
  const creationTimestamp = `2026-01-01T00:00:0${second}Z`;
  const metadata = { namespace: "default", name, uid: name, resourceVersion: "1", creationTimestamp };
  return { metadata, status: { phase: "Failed", ...(reason !== undefined && { reason }) } };
}

// Source: gcTerminated and byEvictionAndCreationTimestamp of pkg/controller/podgc.
test("of too many pods that have ended those that were evicted go first, then the oldest", () => {
  const pods = [ended("a", 1), ended("b", 2), ended("evicted", 9, "Evicted"), ended("c", 3)];
  const surplusOf = (limit: number): string[] => {
    const finished = new FinishedPods(limit);
    for (const pod of pods) finished.note(pod, true);
    return pods.filter((pod) => finished.isSurplus(pod)).map(({ metadata }) => metadata.name);
  };
  expect(surplusOf(4)).toEqual([]);
  expect(surplusOf(3)).toEqual(["evicted"]);
  expect(surplusOf(2)).toEqual(["a", "evicted"]);
});

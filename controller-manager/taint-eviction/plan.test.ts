import { expect, test } from "vitest";
import type { Node, Pod, Toleration } from "#api/generated/types";
import type { Stored } from "#api/object";
import { deepFreeze } from "#base/deep-freeze";
import { bearsMsOf, planTaintEviction } from "./plan.ts";

const metadata = { name: "x", namespace: "default", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
const unreachable = { key: "node.kubernetes.io/unreachable", effect: "NoExecute" };
const bears = (tolerationSeconds?: number, key = unreachable.key): Toleration => ({
  key,
  operator: "Exists",
  effect: "NoExecute",
  ...(tolerationSeconds !== undefined && { tolerationSeconds }),
});

function plan(tolerations: readonly Toleration[], taintedMs: number, part: Partial<Pod> = {}, taints = [unreachable]) {
  const node: Stored<Node> = { metadata: { ...metadata, name: "n1" }, spec: { taints } };
  const pod: Stored<Pod> = { metadata, spec: { containers: [], tolerations }, ...part } as Stored<Pod>;
  return planTaintEviction(
    deepFreeze({ pod, bearsMs: bearsMsOf(pod, node), taintedMs, now: Date.parse("2026-01-01T01:00:00Z") }),
  );
}
const deletes = (...args: Parameters<typeof plan>): boolean => plan(...args).steps.some(({ type }) => type === "delete");

// Source: processPodOnNode and getMinTolerationTime of pkg/controller/tainteviction.
test("a pod that bears the taint for a while is deleted when the while is over", () => {
  expect(plan([bears(300)], 100_000)).toEqual({ steps: [], requeueAfterMs: 200_000 });
  expect(deletes([bears(300)], 300_000)).toBe(true);
});

test("one that does not bear it goes at once, one that bears it for ever stays", () => {
  expect(deletes([], 0)).toBe(true);
  expect(deletes([bears(300, "other")], 0)).toBe(true);
  expect(deletes([bears()], 1e9)).toBe(false);
  expect(deletes([bears(0)], 0)).toBe(true);
  expect(deletes([bears(-5)], 0)).toBe(true);
  expect(deletes([bears(300), bears(-5)], 0)).toBe(true);
});

test("the most impatient of the tolerations that are used counts, and every taint must be borne", () => {
  const gpu = { key: "gpu", effect: "NoExecute" };
  expect(plan([bears(300), bears(60)], 0).requeueAfterMs).toBe(60_000);
  expect(plan([bears(300), bears(20, "gpu")], 0, {}, [unreachable, gpu]).requeueAfterMs).toBe(20_000);
  expect(deletes([bears(300)], 0, {}, [unreachable, gpu])).toBe(true);
});

test("it is said on the pod why it goes", () => {
  const [mark, remove] = plan([], 0).steps;
  expect(mark).toMatchObject({
    type: "update",
    subresource: "status",
    object: { status: { conditions: [{ type: "DisruptionTarget", status: "True", reason: "DeletionByTaintManager" }] } },
  });
  expect(remove).toMatchObject({ type: "delete", target: { metadata: { uid: "u" } } });
});

test("who is going, or has ended, is left alone", () => {
  expect(plan([], 0, { metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:30:00Z" } })).toEqual({ steps: [] });
  expect(plan([], 0, { status: { phase: "Succeeded" } })).toEqual({ steps: [] });
});

test("a taint of another effect drives nobody away", () => {
  expect(deletes([], 0, {}, [{ key: "x", effect: "NoSchedule" }])).toBe(false);
});

test("it is said of one that was to go when it no longer is (cancelWorkWithEvent)", () => {
  expect(plan([bears(300)], 1000, {}, []).steps).toMatchObject([
    { type: "announce", notice: { reason: "TaintManagerEviction", message: "Cancelling deletion of Pod default/x" } },
  ]);
});

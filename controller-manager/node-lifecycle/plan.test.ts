import { describe, expect, test } from "vitest";
import type { Node, Taint } from "#api/generated/types";
import { deepFreeze } from "#base/deep-freeze";
import { planNode } from "./plan.ts";

const metadata = { name: "n1", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
const key = (name: string): string => `node.kubernetes.io/${name}`;
const noSchedule = (name: string): Taint => ({ key: key(name), effect: "NoSchedule" });
const ready = ["Ready", "True"] as const;

/** The taints that a node has after a pass, or undefined when the pass leaves it alone. */
function after(conditions: readonly (readonly [string, string])[], spec: Node["spec"] & object = {}): unknown {
  const status = { conditions: conditions.map(([type, value]) => ({ type, status: value })) };
  const { steps } = planNode(deepFreeze({ node: { metadata, spec, status } }));
  const [step] = steps;
  if (step === undefined) return undefined;
  if (step.type !== "update") throw new Error(`a ${step.type}`);
  return (step.object as Node).spec?.taints ?? [];
}

describe("the taints of a node", () => {
  // Source: nodeConditionToTaintKeyStatusMap in pkg/controller/nodelifecycle/node_lifecycle_controller.go.
  test.each([
    ["not-ready", [["Ready", "False"]]],
    ["unreachable", [["Ready", "Unknown"]]],
    ["memory-pressure", [ready, ["MemoryPressure", "True"]]],
    ["disk-pressure", [ready, ["DiskPressure", "True"]]],
    ["pid-pressure", [ready, ["PIDPressure", "True"]]],
    ["network-unavailable", [ready, ["NetworkUnavailable", "True"]]],
  ] as const)("say %s for its condition, and nothing when it passes", (name, conditions) => {
    expect(after(conditions)).toEqual([noSchedule(name)]);
    expect(after(conditions, { taints: [noSchedule(name)] })).toBeUndefined();
    expect(after([ready], { taints: [noSchedule(name)] })).toEqual([]);
  });

  test("say what else a condition may be by nothing at all", () => {
    const calm = [ready, ["MemoryPressure", "False"], ["DiskPressure", "Unknown"], ["Custom", "True"]] as const;
    expect(after(calm)).toBeUndefined();
  });

  test("follow spec.unschedulable", () => {
    expect(after([ready], { unschedulable: true })).toEqual([noSchedule("unschedulable")]);
    expect(after([ready], { taints: [noSchedule("unschedulable")] })).toEqual([]);
  });

  test("replace each other when a node that was not ready is not heard of", () => {
    expect(after([["Ready", "Unknown"]], { taints: [noSchedule("not-ready")] })).toEqual([noSchedule("unreachable")]);
  });

  test("of others, and with other effects, stay", () => {
    const others = [
      { key: "gpu", value: "yes", effect: "NoSchedule" },
      { key: key("not-ready"), effect: "NoExecute" },
    ];
    expect(after([ready], { taints: [...others, noSchedule("not-ready")] })).toEqual(others);
  });

  test("stay while nobody has said whether the node is ready", () => {
    expect(after([], { taints: [noSchedule("not-ready")] })).toBeUndefined();
    expect(after([])).toBeUndefined();
  });

  test("are left alone on a node that is being deleted", () => {
    const node = { metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" }, spec: { unschedulable: true } };
    expect(planNode({ node }).steps).toEqual([]);
  });
});

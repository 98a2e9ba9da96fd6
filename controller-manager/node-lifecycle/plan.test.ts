import { describe, expect, test } from "vitest";
import type { Node, Pod, Taint } from "#api/generated/types";
import type { Stored } from "#api/object";
import { deepFreeze } from "#base/deep-freeze";
import { planNode, type NodeView } from "./plan.ts";

const metadata = { name: "n1", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };
const key = (name: string): string => `node.kubernetes.io/${name}`;
const noSchedule = (name: string): Taint => ({ key: key(name), effect: "NoSchedule" });
/** As it is when this pass put it there. */
const added = (name: string): Taint => ({ ...noSchedule(name), timeAdded: "2026-01-01T00:10:00Z" });
const ready = ["Ready", "True"] as const;

/** Of a node that is heard of, and may not be marked for eviction. */
function viewOf(node: Stored<Node>, others: Partial<NodeView> = {}): NodeView {
  return deepFreeze({
    node,
    pods: [],
    doubted: new Set(),
    silentMs: 0,
    eviction: { type: "held" },
    now: Date.parse("2026-01-01T00:10:00Z"),
    ...others,
  });
}

/** The taints that a node has after a pass, or undefined when the pass leaves it alone. */
function after(conditions: readonly (readonly [string, string])[], spec: Node["spec"] & object = {}): unknown {
  const status = { conditions: conditions.map(([type, value]) => ({ type, status: value })) };
  const { steps } = planNode(viewOf({ metadata, spec, status }));
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
    expect(after(conditions)).toEqual([added(name)]);
    expect(after(conditions, { taints: [noSchedule(name)] })).toBeUndefined();
    expect(after([ready], { taints: [noSchedule(name)] })).toEqual([]);
  });

  test("say what else a condition may be by nothing at all", () => {
    const calm = [ready, ["MemoryPressure", "False"], ["DiskPressure", "Unknown"], ["Custom", "True"]] as const;
    expect(after(calm)).toBeUndefined();
  });

  test("follow spec.unschedulable", () => {
    expect(after([ready], { unschedulable: true })).toEqual([added("unschedulable")]);
    expect(after([ready], { taints: [noSchedule("unschedulable")] })).toEqual([]);
  });

  test("replace each other when a node that was not ready is not heard of", () => {
    expect(after([["Ready", "Unknown"]], { taints: [noSchedule("not-ready")] })).toEqual([added("unreachable")]);
  });

  test("of others, and with other effects, stay", () => {
    const others = [
      { key: "gpu", value: "yes", effect: "NoSchedule" },
      { key: "spot", effect: "NoExecute" },
    ];
    expect(after([ready], { taints: [...others, noSchedule("not-ready")] })).toEqual(others);
  });

  test("stay while nobody has said whether the node is ready", () => {
    expect(after([], { taints: [noSchedule("not-ready")] })).toBeUndefined();
    expect(after([])).toBeUndefined();
  });

  test("are left alone on a node that is being deleted", () => {
    const node = { metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" }, spec: { unschedulable: true } };
    expect(planNode(viewOf(node)).steps).toEqual([]);
  });
});

const nodeWith = (status: string | undefined, taints: readonly Taint[] = []): Stored<Node> => ({
  metadata,
  spec: taints.length === 0 ? {} : { taints },
  status: { conditions: status === undefined ? [] : [{ type: "Ready", status, reason: "KubeletReady", message: "fine" }] },
});
const noExecute = (name: string, timeAdded?: string): Taint => ({
  key: key(name),
  effect: "NoExecute",
  ...(timeAdded && { timeAdded }),
});
const now = "2026-01-01T00:10:00Z";

describe("a node that is not heard of", () => {
  // Source: tryUpdateNodeHealth; --node-monitor-grace-period is 50s and --node-startup-grace-period 1m0s.
  test("is left in peace for fifty seconds, and looked at when they are over", () => {
    expect(planNode(viewOf(nodeWith("True"), { silentMs: 49_000 }))).toEqual({ steps: [], requeueAfterMs: 1_000 });
  });

  test("is said to be unknown after them, with the words of upstream", () => {
    const [step] = planNode(viewOf(nodeWith("True"), { silentMs: 50_000 })).steps;
    if (step?.type !== "update") throw new Error("no update");
    expect(step.subresource).toBe("status");
    const { conditions = [] } = (step.object as Node).status ?? {};
    expect(conditions.map(({ type, status }) => [type, status])).toEqual([
      ["Ready", "Unknown"],
      ["MemoryPressure", "Unknown"],
      ["DiskPressure", "Unknown"],
      ["PIDPressure", "Unknown"],
    ]);
    expect(conditions[0]).toEqual({
      type: "Ready",
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
      lastTransitionTime: now,
    });
    expect(conditions[1]).toMatchObject({ reason: "NodeStatusNeverUpdated", message: "Kubelet never posted node status." });
  });

  test("and never was, is given a minute", () => {
    expect(planNode(viewOf(nodeWith(undefined), { silentMs: 55_000 })).requeueAfterMs).toBe(5_000);
    expect(planNode(viewOf(nodeWith(undefined), { silentMs: 60_000 })).steps).toHaveLength(1);
  });

  test("is not said to be unknown twice", () => {
    const unknown = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"].map((type) => ({ type, status: "Unknown" }));
    const node = { metadata, spec: { taints: [noSchedule("unreachable")] }, status: { conditions: unknown } };
    expect(planNode(viewOf(node, { silentMs: 90_000 })).steps).toEqual([]);
  });

  test("has no pods that anybody could call ready", () => {
    const pod = (name: string, status: string): Stored<Pod> => ({
      metadata: { ...metadata, name },
      status: { phase: "Running", conditions: [{ type: "Ready", status, lastTransitionTime: "2026-01-01T00:00:00Z" }] },
    });
    const view = viewOf(nodeWith("Unknown", [noSchedule("unreachable")]), { pods: [pod("a", "True"), pod("b", "False")] });
    const writesOf = (of: NodeView) => planNode(of).steps.flatMap((step) => (step.type === "together" ? step.writes : []));
    const writes = writesOf(view);
    expect(writes).toHaveLength(1);
    // Its agent says once more that it is ready, and may know better.
    expect(writesOf({ ...view, doubted: new Set([metadata.uid]) })).toEqual([]);
    expect(writes[0]).toMatchObject({
      subresource: "status",
      object: { metadata: { name: "a" }, status: { conditions: [{ type: "Ready", status: "False", lastTransitionTime: now }] } },
    });
  });
});

describe("the taint that drives pods away", () => {
  const marked = (node: Stored<Node>, eviction: NodeView["eviction"]): unknown => {
    const [step] = planNode(viewOf(node, { eviction })).steps;
    return step?.type === "update"
      ? ((step.object as Node).spec?.taints ?? []).filter(({ effect }) => effect === "NoExecute")
      : undefined;
  };
  const atOnce = { type: "inMs", waitMs: 0 } as const;

  test.each([
    ["False", "not-ready"],
    ["Unknown", "unreachable"],
  ])("goes with Ready=%s as %s, and says since when", (status, name) => {
    expect(marked(nodeWith(status), atOnce)).toEqual([noExecute(name, now)]);
  });

  test("waits for the node's turn, and comes then", () => {
    const node = nodeWith("Unknown", [noSchedule("unreachable")]);
    expect(planNode(viewOf(node, { eviction: { type: "inMs", waitMs: 7_000 } }))).toEqual({ steps: [], requeueAfterMs: 7_000 });
    expect(planNode(viewOf(node, { eviction: { type: "held" } })).requeueAfterMs).toBe(5_000);
  });

  test("keeps its time while the node stays as it is, and changes its key at once when that changes", () => {
    const taints = [noSchedule("not-ready"), noExecute("not-ready", "2026-01-01T00:00:01Z")];
    expect(marked(nodeWith("False", taints), atOnce)).toBeUndefined();
    expect(marked(nodeWith("Unknown", taints), { type: "held" })).toEqual([noExecute("unreachable", now)]);
  });

  test("goes when the node is ready again, or when nothing in the cluster is well", () => {
    const taints = [noSchedule("unreachable"), noExecute("unreachable", now)];
    expect(marked(nodeWith("True", taints), atOnce)).toEqual([]);
    expect(marked(nodeWith("Unknown", taints), { type: "forgiven" })).toEqual([]);
  });
});

import { seededRandom } from "#base/random";
import type { Pod, PodSpec } from "#api/generated/types";
import type { Stored } from "#api/object";
import { describe, expect, test } from "vitest";
import { asks, cluster, node, pod } from "./objects.testing.ts";
import { defaultPlugins } from "./plugins/default-plugins.ts";
import { podInfoOf } from "./pod-info.ts";
import { schedule } from "./schedule.ts";
import type { ClusterState } from "./snapshot.ts";

function decide(state: ClusterState, wanted: Stored<Pod>) {
  const decision = schedule(podInfoOf(wanted), state.snapshot(), defaultPlugins, seededRandom(1));
  if (decision.type === "node") return `on ${decision.name}`;
  if (decision.victims.length === 0) return decision.message;
  return `${decision.nominated} without ${decision.victims.map(({ uid }) => uid).join()}`;
}

const older = "2026-01-01T00:00:00Z";
const younger = "2026-01-02T00:00:00Z";

function runs(name: string, cpu: string, priority: number, startTime = older, spec: Partial<PodSpec> = {}): Stored<Pod> {
  return { ...pod(name, { ...asks({ cpu }), priority, ...spec }), status: { phase: "Running", startTime } };
}

const important = (cpu: string, spec: Partial<PodSpec> = {}) => pod("p", { ...asks({ cpu }), priority: 100, ...spec });

describe("who must leave", () => {
  test("as few as make room, and of those the less important", () => {
    const there = [runs("high", "1", 9), runs("low", "1", 1), runs("middle", "1", 5), runs("mine", "1", 100)];
    const state = cluster(
      [node("n1")],
      there.map((each) => [each, "n1"]),
    );
    expect(decide(state, important("1"))).toBe("n1 without low");
    expect(decide(state, important("2"))).toBe("n1 without middle,low");
  });

  test("of equals the one that runs since last", () => {
    const state = cluster(
      [node("n1")],
      [
        [runs("old", "2", 1, older), "n1"],
        [runs("new", "2", 1, younger), "n1"],
      ],
    );
    expect(decide(state, important("1"))).toBe("n1 without new");
  });

  test("who holds a port, or does not want the pod near", () => {
    const port = { containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, hostPort: 80 }] }] };
    const holds = cluster(
      [node("n1")],
      [
        [runs("port", "1", 1, older, port), "n1"],
        [runs("other", "1", 1), "n1"],
      ],
    );
    expect(decide(holds, pod("p", { ...port, priority: 2 }))).toBe("n1 without port");
    const term = { topologyKey: "kubernetes.io/hostname", labelSelector: {} };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    const alone = cluster([node("n1")], [[runs("hermit", "1", 1, older, { affinity }), "n1"]]);
    expect(decide(alone, important("1"))).toBe("n1 without hermit");
  });
});

describe("where room is made", () => {
  const on = (...nodes: readonly (readonly Stored<Pod>[])[]) =>
    cluster(
      nodes.map((_, index) => node(`n${index + 1}`)),
      nodes.flatMap((pods, index) => pods.map((each): [Stored<Pod>, string] => [each, `n${index + 1}`])),
    );
  test.each<[string, ClusterState, string]>([
    ["where the most important victim is the least important", on([runs("a", "4", 2)], [runs("b", "4", 1)]), "n2 without b"],
    [
      "then where the priorities of all together are the least",
      on([runs("a", "2", 2), runs("b", "2", 2)], [runs("c", "2", 2), runs("d", "2", 1)]),
      "n2 without c,d",
    ],
    [
      "also when they are negative: fewer are better",
      on([runs("a", "2", -5), runs("b", "2", -5)], [runs("c", "4", -5)]),
      "n2 without c",
    ],
    ["then where they run since last", on([runs("a", "4", 1, older)], [runs("b", "4", 1, younger)]), "n2 without b"],
  ])("%s", (_what, state, expected) => {
    expect(decide(state, important("4"))).toBe(expected);
  });

  test("nowhere when that does not help", () => {
    const state = cluster(
      [node("n1"), node("n2", { unschedulable: true }), node("n3", { cpu: "1" }), node("n4")],
      [
        [runs("a", "4", 100), "n1"],
        [runs("b", "3", 100), "n4"],
        [runs("c", "1", 1), "n4"],
      ],
    );
    expect(decide(state, important("2"))).toBe(
      "0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu. no new claims to deallocate, " +
        "preemption: 0/4 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod, " +
        "2 Preemption is not helpful for scheduling.",
    );
  });
});

describe("a pod that room was made for", () => {
  const condition = { type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler" };
  const leaves = (victim: Stored<Pod>): Stored<Pod> => ({
    ...victim,
    metadata: { ...victim.metadata, deletionTimestamp: younger },
    status: { ...victim.status, conditions: [condition] },
  });

  test("waits for those that leave, and asks nobody else", () => {
    const state = cluster(
      [node("n1"), node("n2")],
      [
        [leaves(runs("a", "4", 1)), "n1"],
        [runs("b", "4", 1), "n2"],
      ],
    );
    state.nominations.set(podInfoOf(important("4")), "n1");
    expect(decide(state, important("4"))).toContain("preemption: not eligible due to a terminating pod on the nominated node.");
    state.setNode(node("n1", { unschedulable: true }));
    expect(decide(state, important("4"))).toBe("n2 without b");
  });

  test("goes there although another node looks better by now", () => {
    const state = cluster([node("n1"), node("n2")], [[runs("a", "2", 1), "n1"]]);
    state.nominations.set(podInfoOf(important("1")), "n1");
    expect(decide(state, important("1"))).toBe("on n1");
  });

  test("has its room kept from pods that are not more important", () => {
    const state = cluster([node("n1")], [[runs("a", "2", 100), "n1"]]);
    state.nominations.set(podInfoOf(important("2")), "n1");
    expect(decide(state, pod("q", { ...asks({ cpu: "1" }), priority: 100 }))).toContain("1 Insufficient cpu");
    expect(decide(state, pod("q", { ...asks({ cpu: "1" }), priority: 101 }))).toBe("on n1");
  });

  test("is not counted on by those that want to be near it: it may never come", () => {
    const state = cluster([node("n1")]);
    state.nominations.set(
      podInfoOf({ ...important("1"), metadata: { ...important("1").metadata, labels: { app: "db" } } }),
      "n1",
    );
    const term = { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "db" } } };
    const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    expect(decide(state, pod("q", { affinity }))).toContain("1 node(s) didn't match pod affinity rules");
  });
});

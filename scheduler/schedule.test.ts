import { seededRandom } from "#base/random";
import type { Pod, PodSpec, ReplicaSet } from "#api/generated/types";
import type { Stored } from "#api/object";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asks, cluster, node, type NodeOptions, pod } from "./objects.testing.ts";
import { defaultPlugins } from "./plugins/default-plugins.ts";
import { podInfoOf } from "./pod-info.ts";
import { type Decision, schedule } from "./schedule.ts";
import type { ClusterState } from "./snapshot.ts";
import { nothingRelated } from "./snapshot.ts";

function place(state: ClusterState, wanted: Stored<Pod>): string {
  const decision = schedule(podInfoOf(wanted), state.snapshot(), defaultPlugins, seededRandom(1));
  return decision.type === "node" ? decision.name : decision.message;
}

function nameOf(decision: Decision): string {
  return decision.type === "node" ? decision.name : decision.message;
}

const running = { name: "c", image: "i", imageID: "i", ready: true, restartCount: 0 };

const preemptionIsUseless = (count: number) =>
  `no new claims to deallocate, preemption: 0/${count} nodes are available: ${count} Preemption is not helpful for scheduling.`;

describe("a pod that fits nowhere", () => {
  test("is told so when there are no nodes", () => {
    expect(place(cluster([]), pod("p"))).toBe("no nodes available to schedule pods");
  });

  test.each<[string, NodeOptions, Partial<PodSpec>, string]>([
    ["CPU", {}, asks({ cpu: "5" }), "Insufficient cpu"],
    ["a GPU", {}, asks({ "example.com/gpu": "1" }), "Insufficient example.com/gpu"],
    ["a place", { pods: "0" }, {}, "Too many pods"],
    ["a toleration", { taints: [{ key: "a", value: "b", effect: "NoSchedule" }] }, {}, "node(s) had untolerated taint(s)"],
    ["an uncordoned node", { unschedulable: true }, {}, "node(s) were unschedulable"],
    ["a label", {}, { nodeSelector: { disk: "ssd" } }, "node(s) didn't match Pod's node affinity/selector"],
    ["its node", {}, { nodeName: "other" }, "node(s) didn't match the requested node name"],
  ])("for want of %s", (_what, options, spec, reason) => {
    const message = place(cluster([node("n1", options)]), pod("p", spec));
    expect(message.startsWith(`0/1 nodes are available: 1 ${reason}. no new claims to deallocate, preemption: 0/1 nodes`)).toBe(
      true,
    );
  });

  test("hears a reason for each node, counted and in order", () => {
    const tainted = { taints: [{ key: "a", effect: "NoExecute" }] };
    const state = cluster([node("n1", { cpu: "1" }), node("n2", tainted), node("n3", tainted)]);
    expect(place(state, pod("p", asks({ cpu: "2" })))).toBe(
      `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). ${preemptionIsUseless(3)}`,
    );
  });

  test("hears that room cannot be made, that it may not, or nothing of it when it is being made", () => {
    const full = (priority: number) => cluster([node("n1")], [[pod("other", { ...asks({ cpu: "4" }), priority }), "n1"]]);
    const wanted = pod("p", { ...asks({ cpu: "1" }), priority: 10 });
    expect(place(full(10), wanted)).toMatch(/nodes are available: 1 No preemption victims found for incoming pod\.$/);
    expect(place(full(0), wanted)).toBe("0/1 nodes are available: 1 Insufficient cpu.");
    expect(place(full(0), pod("p", { ...wanted.spec, preemptionPolicy: "Never" }))).toMatch(
      /preemption: not eligible due to preemptionPolicy=Never\.$/,
    );
  });
});

describe("what a pod requests", () => {
  test.each<[string, Partial<PodSpec>, boolean]>([
    [
      "its containers together",
      { containers: [...asks({ cpu: "2" }).containers, { ...asks({ cpu: "3" }).containers[0]!, name: "d" }] },
      false,
    ],
    ["the largest of its init containers", { ...asks({ cpu: "1" }), initContainers: asks({ cpu: "5" }).containers }, false],
    [
      "init containers one after the other",
      { ...asks({ cpu: "1" }), initContainers: [...asks({ cpu: "3" }).containers, ...asks({ cpu: "3" }).containers] },
      true,
    ],
    [
      "sidecars beside its containers",
      { ...asks({ cpu: "2" }), initContainers: asks({ cpu: "3" }, { restartPolicy: "Always" }).containers },
      false,
    ],
    ["its overhead", { ...asks({ cpu: "4" }), overhead: { cpu: "1m" } }, false],
    ["its own total, whatever its containers say", { ...asks({ cpu: "9" }), resources: { requests: { cpu: "4" } } }, true],
  ])("is %s", (_what, spec, fits) => {
    expect(place(cluster([node("n1")]), pod("p", spec)) === "n1").toBe(fits);
  });

  test("is what it has and what it wants while it is resized, and what it has when its node refuses more", () => {
    const resized = (conditions: { type: string; status: string; reason: string }[]): Stored<Pod> => ({
      ...pod("other", asks({ cpu: "4" })),
      status: {
        conditions,
        containerStatuses: [{ ...running, allocatedResources: { cpu: "1" }, resources: { requests: { cpu: "2" } } }],
      },
    });
    const wanted = pod("p", asks({ cpu: "2" }));
    expect(place(cluster([node("n1")], [[resized([]), "n1"]]), wanted)).toContain("Insufficient cpu");
    const refused = resized([{ type: "PodResizePending", status: "True", reason: "Infeasible" }]);
    expect(place(cluster([node("n1")], [[refused, "n1"]]), wanted)).toBe("n1");
  });

  test("is free again when the pod is gone", () => {
    const state = cluster([node("n1")], [[pod("other", asks({ cpu: "4" })), "n1"]]);
    expect(place(state, pod("p", asks({ cpu: "1" })))).toContain("Insufficient cpu");
    state.deletePod("other");
    expect(place(state, pod("p", asks({ cpu: "4" })))).toBe("n1");
  });
});

describe("tolerations", () => {
  const tainted = cluster([node("n1", { taints: [{ key: "a", value: "b", effect: "NoSchedule" }] })]);
  test.each([
    [{ key: "a", operator: "Equal", value: "b", effect: "NoSchedule" }, true],
    [{ key: "a", value: "c" }, false],
    [{ key: "a", operator: "Exists" }, true],
    [{ operator: "Exists" }, true],
    [{ key: "a", operator: "Exists", effect: "NoExecute" }, false],
  ])("%o lets the pod in: %s", (toleration, fits) => {
    expect(place(tainted, pod("p", { tolerations: [toleration] })) === "n1").toBe(fits);
  });

  test("a taint that only asks to be avoided is avoided while there is a choice", () => {
    const soft = { taints: [{ key: "a", effect: "PreferNoSchedule" }] };
    expect(place(cluster([node("n1", soft), node("n2")]), pod("p"))).toBe("n2");
    expect(place(cluster([node("n1", soft)]), pod("p"))).toBe("n1");
  });
});

describe("node affinity", () => {
  const state = cluster([node("n1", { labels: { zone: "a", cores: "4" } }), node("n2", { labels: { zone: "b", cores: "16" } })]);
  const required = (matchExpressions: { key: string; operator: string; values?: string[] }[]) => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } } },
  });
  test.each([
    [{ key: "zone", operator: "In", values: ["b"] }],
    [{ key: "zone", operator: "NotIn", values: ["a"] }],
    [{ key: "cores", operator: "Gt", values: ["8"] }],
  ])("%o chooses the second node", (expression) => {
    expect(place(state, pod("p", required([expression])))).toBe("n2");
  });

  test("looks only at nodes that each of its terms names", () => {
    const named = (name: string) => ({ matchFields: [{ key: "metadata.name", operator: "In", values: [name] }] });
    const to = (...nodeSelectorTerms: ReturnType<typeof named>[]) => ({
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
    });
    expect(place(state, pod("p", to(named("n2"))))).toBe("n2");
    expect(place(state, pod("p", to(named("gone"))))).toContain("2 node(s) didn't satisfy plugin(s) [NodeAffinity].");
  });

  test("prefers where it would like to be", () => {
    const preference = { matchExpressions: [{ key: "zone", operator: "In", values: ["b"] }] };
    const affinity = { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference }] } };
    expect(place(state, pod("p", { affinity }))).toBe("n2");
  });
});

test("a host port is given once for each node", () => {
  const ports = asks({}, { ports: [{ containerPort: 80, hostPort: 80 }] });
  const state = cluster([node("n1")], [[pod("other", ports), "n1"]]);
  expect(place(state, pod("p", ports))).toContain("1 node(s) didn't have free ports for the requested pod ports");
  expect(place(state, pod("p", asks({}, { ports: [{ containerPort: 80, hostPort: 80, protocol: "UDP" }] })))).toBe("n1");
});

describe("scores", () => {
  test("prefer the emptier node", () => {
    const state = cluster([node("n1"), node("n2")], [[pod("other", asks({ cpu: "2", memory: "4Gi" })), "n1"]]);
    expect(place(state, pod("p", asks({ cpu: "1", memory: "2Gi" })))).toBe("n2");
  });

  test("spread the pods of one controller over nodes, and over zones", () => {
    const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "r", controller: true };
    const nodes = ["n1", "n2", "n3", "n4"].map((name, index) =>
      node(name, { labels: { "topology.kubernetes.io/zone": index < 2 ? "a" : "b" } }),
    );
    const spec = { selector: { matchLabels: { app: "a" } }, template: {} };
    const replicaSet = (): ReplicaSet => ({ metadata: { name: "r" }, spec });
    const state = cluster(nodes, [[pod("large", asks({ cpu: "1", memory: "2Gi" })), "n3"]], { ...nothingRelated, replicaSet });
    const placed = Array.from({ length: 4 }, (_, index) => {
      const replica = pod(`p${index}`, {}, { ownerReferences: [owner], labels: { app: "a" } });
      const where = place(state, replica);
      state.setPod(replica, where);
      return where;
    });
    expect(placed.toSorted()).toEqual(["n1", "n2", "n3", "n4"]);
    const zoneOf = (name: string | undefined) => (name === "n1" || name === "n2" ? "a" : "b");
    expect(zoneOf(placed[0])).not.toBe(zoneOf(placed[1]));
  });

  test("spread the pods of one service, and those that nobody selects not at all", () => {
    const services = () => [{ metadata: { name: "s" }, spec: { selector: { app: "a" } } }];
    const there = pod("there", {}, { labels: { app: "a" } });
    const wanted = pod("p", {}, { labels: { app: "a" } });
    const choices = (related: typeof nothingRelated) => {
      const snapshot = cluster([node("n1"), node("n2")], [[there, "n1"]], related).snapshot();
      const random = seededRandom(3);
      const only = defaultPlugins.filter(({ name }) => name === "PodTopologySpread");
      return new Set(Array.from({ length: 30 }, () => schedule(podInfoOf(wanted), snapshot, only, random)).map(nameOf));
    };
    expect(choices({ ...nothingRelated, services })).toEqual(new Set(["n2"]));
    expect(choices(nothingRelated)).toEqual(new Set(["n1", "n2"]));
  });

  test("prefer a node that has the images, unless they are small", () => {
    const holding = (sizeBytes: number) => {
      const holder = node("n1");
      const images = [{ names: ["docker.io/library/i:latest", "i:latest"], sizeBytes }];
      return cluster([{ ...holder, status: { ...holder.status, images } }, node("n2")]).snapshot();
    };
    const choices = (sizeBytes: number) => {
      const random = seededRandom(5);
      const all = Array.from({ length: 30 }, () => schedule(podInfoOf(pod("p")), holding(sizeBytes), defaultPlugins, random));
      return new Set(all.map(nameOf));
    };
    expect(choices(500 * 2 ** 20)).toEqual(new Set(["n1"]));
    expect(choices(40 * 2 ** 20)).toEqual(new Set(["n1", "n2"]));
  });

  test("roll the dice between equals", () => {
    const snapshot = cluster([node("n1"), node("n2")]).snapshot();
    const random = seededRandom(7);
    const chosen = Array.from({ length: 50 }, () => schedule(podInfoOf(pod("p")), snapshot, defaultPlugins, random));
    expect(new Set(chosen.map(nameOf))).toEqual(new Set(["n1", "n2"]));
  });
});

describe("topology spread constraints of a pod", () => {
  const labels = { app: "web" };
  const constraint = {
    topologyKey: "zone",
    maxSkew: 1,
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: labels },
  };
  const zones = [node("n1", { labels: { zone: "a" } }), node("n2", { labels: { zone: "b" } }), node("n3")];
  test("keep the skew, and keep off nodes without the key", () => {
    const web = (name: string) => pod(name, { topologySpreadConstraints: [constraint] }, { labels });
    const state = cluster(zones, [[web("one"), "n1"]]);
    expect(place(state, web("two"))).toBe("n2");
    state.setNode(node("n2", { labels: { zone: "b" }, cpu: "0", pods: "0" }));
    const message = place(state, web("two"));
    expect(message).toContain("1 Too many pods");
    expect(message).toContain("1 node(s) didn't match pod topology spread constraints (missing required label)");
    expect(message).toMatch(/1 node\(s\) didn't match pod topology spread constraints[,.]/);
  });

  test("only lean when they are soft", () => {
    const soft = { ...constraint, whenUnsatisfiable: "ScheduleAnyway" };
    const web = (name: string) => pod(name, { topologySpreadConstraints: [soft] }, { labels });
    const state = cluster([...zones.slice(0, 2)], [[web("one"), "n1"]]);
    expect(place(state, web("two"))).toBe("n2");
    state.deleteNode("n2");
    expect(place(state, web("two"))).toBe("n1");
  });
});

test("no node is ever given more than it has", () => {
  const wish = fc.record({ cpu: fc.integer({ min: 0, max: 3000 }), memory: fc.integer({ min: 0, max: 6000 }) });
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 40 }), fc.nat(), (wishes, seed) => {
      const state = cluster([node("n1"), node("n2", { cpu: "2" }), node("n3", { memory: "2Gi", pods: "4" })]);
      const random = seededRandom(seed);
      for (const [index, { cpu, memory }] of wishes.entries()) {
        const wanted = pod(`p${index}`, asks({ cpu: `${cpu}m`, memory: `${memory}Mi` }));
        const decision = schedule(podInfoOf(wanted), state.snapshot(), defaultPlugins, random);
        if (decision.type === "node") state.setPod(wanted, decision.name);
      }
      for (const { requested, allocatable, pods } of state.snapshot().nodes) {
        for (const name of ["cpu", "memory"]) expect(requested.get(name) ?? 0).toBeLessThanOrEqual(allocatable.get(name)!);
        expect(pods.size).toBeLessThanOrEqual(allocatable.get("pods")!);
      }
    }),
    { numRuns: 50 },
  );
});

import { describe, expect, test } from "vitest";
import type { ClusterEvent } from "../cluster-event.ts";
import { asks, node, pod } from "../objects.testing.ts";
import { podInfoOf } from "../pod-info.ts";
import { defaultPlugins } from "./default-plugins.ts";

const term = { topologyKey: "zone", labelSelector: { matchLabels: { app: "db" } } };
const required = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
const port = { containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, hostPort: 80 }] }] };
const other = pod("other", asks({ cpu: "2" }), { labels: { app: "db" } });

const added = (which: ReturnType<typeof node>): ClusterEvent => ({ type: "nodeAdded", node: which });
const updated = (now: typeof other): ClusterEvent => ({ type: "podUpdated", pod: now, old: other });

/** What upstream registers for each plugin (EventsToRegister), by example. */
describe.each<[string, Parameters<typeof pod>[1], [string, ClusterEvent, boolean][]]>([
  [
    "NodeResourcesFit",
    asks({ cpu: "3" }),
    [
      ["a pod leaves", { type: "podDeleted", pod: other }, true],
      ["a pod asks for less", updated({ ...other, spec: asks({ cpu: "1" }) }), true],
      ["a pod changes otherwise", updated({ ...other, metadata: { ...other.metadata, labels: {} } }), false],
      ["a pod comes", { type: "podAdded", pod: other }, false],
      ["a large node comes", added(node("n")), true],
      ["a node comes that is too small", added(node("n", { cpu: "2" })), false],
    ],
  ],
  [
    "NodeAffinity",
    { nodeSelector: { disk: "ssd" } },
    [
      ["a node comes that it selects", added(node("n", { labels: { disk: "ssd" } })), true],
      ["another node comes", added(node("n")), false],
      ["a pod leaves", { type: "podDeleted", pod: other }, false],
    ],
  ],
  [
    "TaintToleration",
    {},
    [
      ["a node is free of taints", { type: "nodeUpdated", node: node("n") }, true],
      ["a node is not", { type: "nodeUpdated", node: node("n", { taints: [{ key: "a", effect: "NoSchedule" }] }) }, false],
    ],
  ],
  [
    "NodeUnschedulable",
    {},
    [
      ["a node is uncordoned", { type: "nodeUpdated", node: node("n") }, true],
      ["a node is cordoned", { type: "nodeUpdated", node: node("n", { unschedulable: true }) }, false],
    ],
  ],
  [
    "NodePorts",
    port,
    [
      ["the holder of its port leaves", { type: "podDeleted", pod: pod("holder", port) }, true],
      ["another pod leaves", { type: "podDeleted", pod: other }, false],
    ],
  ],
  [
    "InterPodAffinity",
    { affinity: { podAffinity: required } },
    [
      ["a pod comes", { type: "podAdded", pod: other }, true],
      ["a pod has other labels", updated({ ...other, metadata: { ...other.metadata, labels: {} } }), true],
      ["a pod is about to leave", updated({ ...other, metadata: { ...other.metadata, deletionTimestamp: "x" } }), false],
      ["a namespace has other labels", { type: "namespaceChanged" }, true],
    ],
  ],
  [
    "PodTopologySpread",
    {},
    [
      ["a pod of its namespace comes", { type: "podAdded", pod: other }, true],
      ["one of another namespace does", { type: "podAdded", pod: pod("x", {}, { namespace: "x" }) }, false],
      ["a node goes", { type: "nodeDeleted", node: node("n") }, true],
    ],
  ],
])("a pod that %s rejected", (name, spec, cases) => {
  test.each(cases)("when %s", (_what, event, helps) => {
    const plugin = defaultPlugins.find((each) => each.name === name);
    expect(plugin?.wakes?.(podInfoOf(pod("p", spec)), event)).toBe(helps);
  });
});

import type { ContainerPort, Node, Pod } from "#api/generated/types";
import { allocatable, needs, resourcesOf, sum } from "./amounts.ts";
import { means, tolerated, toleratesNode, wantsNode } from "./selectors.ts";
import { countOn, hasKeys, isIncluded, spreadOf } from "./spreading.ts";
import { labelsOf, nodeOf, podsOn, priorityOf, putOn, type World } from "./world.ts";

export interface Refusal {
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** Whether the node may do when pods leave it. */
  readonly hopeful: boolean;
}

type Rule = (
  pod: Pod,
  node: Node,
  world: World,
) => { readonly reasons: readonly string[]; readonly hopeful: boolean } | undefined;

const no = (reason: string, hopeful: boolean) => ({ reasons: [reason], hopeful });

const unschedulable: Rule = (pod, node) => {
  if (node.spec?.unschedulable !== true) return undefined;
  const taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };
  return tolerated(taint, pod.spec?.tolerations ?? []) ? undefined : no("node(s) were unschedulable", false);
};

const name: Rule = (pod, node) => {
  const wanted = pod.spec?.nodeName;
  return wanted === undefined || wanted === node.metadata.name
    ? undefined
    : no("node(s) didn't match the requested node name", false);
};

const taints: Rule = (pod, node) => (toleratesNode(pod, node) ? undefined : no("node(s) had untolerated taint(s)", false));

const affinityToNode: Rule = (pod, node) =>
  wantsNode(pod, node) ? undefined : no("node(s) didn't match Pod's node affinity/selector", false);

const ports: Rule = (pod, node, world) => {
  const of = ({ spec }: Pod): ContainerPort[] =>
    [...(spec?.containers ?? []), ...(spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always")]
      .flatMap((container) => container.ports ?? [])
      .filter(({ hostPort = 0 }) => hostPort !== 0);
  const clash = (left: ContainerPort, right: ContainerPort): boolean => {
    const [a, b] = [left.hostIP ?? "0.0.0.0", right.hostIP ?? "0.0.0.0"];
    const sameAddress = a === b || a === "0.0.0.0" || b === "0.0.0.0";
    return left.hostPort === right.hostPort && (left.protocol ?? "TCP") === (right.protocol ?? "TCP") && sameAddress;
  };
  const taken = podsOn(world, node).flatMap(of);
  const clashes = of(pod).some((wanted) => taken.some((port) => clash(wanted, port)));
  return clashes ? no("node(s) didn't have free ports for the requested pod ports", true) : undefined;
};

const resources: Rule = (pod, node, world) => {
  const there = podsOn(world, node);
  const crowded = there.length + 1 > allocatable(node, "pods");
  const lacking = resourcesOf(pod).filter((resource) => {
    const wanted = needs(pod, resource);
    const used = sum(there.map((other) => needs(other, resource)));
    return wanted > 0 && wanted > allocatable(node, resource) - used;
  });
  if (!crowded && lacking.length === 0) return undefined;
  const reasons = [...(crowded ? ["Too many pods"] : []), ...lacking.map((resource) => `Insufficient ${resource}`)];
  return { reasons, hopeful: lacking.every((resource) => needs(pod, resource) <= allocatable(node, resource)) };
};

const spread: Rule = (pod, node, world) => {
  const constraints = spreadOf(pod, "DoNotSchedule", world).spread;
  for (const each of constraints) {
    const reason = "node(s) didn't match pod topology spread constraints";
    const domain = labelsOf(node)[each.topologyKey];
    if (domain === undefined) return no(`${reason} (missing required label)`, false);
    const counts = new Map<string, number>();
    for (const other of world.nodes) {
      if (!hasKeys(other, constraints) || !isIncluded(pod, other, each)) continue;
      const its = labelsOf(other)[each.topologyKey] ?? "";
      counts.set(its, (counts.get(its) ?? 0) + countOn(world, other, pod, each));
    }
    const fewest = counts.size < (each.minDomains ?? 1) ? 0 : Math.min(...counts.values());
    const after = (counts.get(domain) ?? 0) + (each.isOne(labelsOf(pod)) ? 1 : 0);
    if (after - fewest > each.maxSkew) return no(reason, true);
  }
  return undefined;
};

const otherPods: Rule = (pod, node, world) => {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const wanted = podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const unwanted = podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const labels = labelsOf(node);
  const isWanted = (other: Pod) => wanted.every((term) => means(world, pod, term, other));
  const placeOf = (other: Pod) => labelsOf(nodeOf(world, other) ?? { metadata: {} });
  const isNear = (other: Pod, key: string) => labels[key] !== undefined && placeOf(other)[key] === labels[key];
  if (wanted.length > 0) {
    const companions = world.placed.filter(isWanted);
    const near = wanted.every(({ topologyKey }) => companions.some((other) => isNear(other, topologyKey)));
    const nobodyAnywhere = !companions.some((other) =>
      wanted.some(({ topologyKey }) => placeOf(other)[topologyKey] !== undefined),
    );
    const isFirst = nobodyAnywhere && isWanted(pod) && wanted.every(({ topologyKey }) => labels[topologyKey] !== undefined);
    if (!near && !isFirst) return no("node(s) didn't match pod affinity rules", false);
  }
  for (const term of unwanted) {
    const minds = world.placed.some((other) => means(world, pod, term, other) && isNear(other, term.topologyKey));
    if (minds) return no("node(s) didn't match pod anti-affinity rules", true);
  }
  for (const other of world.placed) {
    const its = other.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    if (its.some((term) => means(world, other, term, pod) && isNear(other, term.topologyKey))) {
      return no("node(s) didn't satisfy existing pods anti-affinity rules", true);
    }
  }
  return undefined;
};

const rules: readonly (readonly [plugin: string, rule: Rule])[] = [
  ["NodeUnschedulable", unschedulable],
  ["NodeName", name],
  ["TaintToleration", taints],
  ["NodeAffinity", affinityToNode],
  ["NodePorts", ports],
  ["NodeResourcesFit", resources],
  ["PodTopologySpread", spread],
  ["InterPodAffinity", otherPods],
];

/** The first rule that is against the node, with those who wait for room there, then without. */
export function refuses(pod: Pod, node: Node, world: World): Refusal | undefined {
  const crowd = world.waiting.filter(
    (other) =>
      other.status?.nominatedNodeName === node.metadata.name &&
      priorityOf(other) >= priorityOf(pod) &&
      other.metadata.uid !== pod.metadata.uid,
  );
  const worlds = [crowd.reduce((all, other) => putOn(all, other, node), world), world];
  for (const each of worlds) {
    for (const [plugin, rule] of rules) {
      const refusal = rule(pod, node, each);
      if (refusal !== undefined) return { plugin, ...refusal };
    }
  }
  return undefined;
}

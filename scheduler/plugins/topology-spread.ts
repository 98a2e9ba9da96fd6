import type { Node, Pod, TopologySpreadConstraint } from "#api/generated/types";
import { compileLabelSelector, type LabelSelector } from "#api/label-selector";
import { controllerOf, type Stored } from "#api/object";
import type { NodeInfo } from "../node-info.ts";
import { highestScore, type PodRules, type Rejection, type SchedulerPlugin } from "../plugin.ts";
import type { ClusterSnapshot } from "../snapshot.ts";
import { selectsNode } from "./node-affinity.ts";
import { tolerates } from "#api/tolerations";

/**
 * Spreads pods over nodes, zones or whatever a pod names. One that names nothing is spread softly over hosts and zones, together with the
 * pods of the same controller, as upstream's default constraints do.
 */
export const topologySpread: SchedulerPlugin = {
  name: "PodTopologySpread",
  weight: 2,
  wakesOn: ["podAdded", "podUpdated", "podDeleted", "nodeAdded", "nodeUpdated", "nodeDeleted"],
  prepare: (pod, cluster) => {
    const constraints = constraintsOf(pod).map((constraint) => count(pod, constraint, cluster));
    if (constraints.length === 0) return undefined;
    return { ...filterBy(constraints.filter(({ hard }) => hard)), ...scoreBy(constraints.filter(({ hard }) => !hard)) };
  },
};

interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly hard: boolean;
  readonly minDomains: number;
  /** Whether another pod counts. */
  readonly counts: (other: Pod) => boolean;
  /** Whether the pods of a node count. */
  readonly includes: (node: Node) => boolean;
  /** Soft constraints of the pod itself do not score nodes without the key; default ones score what is there. */
  readonly isDefault: boolean;
}

interface Counted extends Constraint {
  /** Matching pods by the value of the topology key. */
  readonly domains: ReadonlyMap<string, number>;
  readonly self: number;
}

const hostname = "kubernetes.io/hostname";
const zone = "topology.kubernetes.io/zone";

function constraintsOf(pod: Stored<Pod>): readonly Constraint[] {
  const own = pod.spec?.topologySpreadConstraints ?? [];
  if (own.length > 0) return own.map((constraint) => ownConstraint(pod, constraint));
  const controller = controllerOf(pod)?.uid;
  if (controller === undefined) return [];
  const counts = (other: Pod) => controllerOf(other)?.uid === controller && other.metadata.deletionTimestamp === undefined;
  const soft = { hard: false, minDomains: 1, counts, includes: () => true, isDefault: true };
  return [
    { topologyKey: hostname, maxSkew: 3, ...soft },
    { topologyKey: zone, maxSkew: 5, ...soft },
  ];
}

function ownConstraint(pod: Stored<Pod>, constraint: TopologySpreadConstraint): Constraint {
  const { topologyKey, maxSkew, whenUnsatisfiable, minDomains = 1 } = constraint;
  const selector = selectorOf(pod, constraint);
  const tolerations = pod.spec?.tolerations ?? [];
  const affinityCounts = constraint.nodeAffinityPolicy !== "Ignore";
  const taintsCount = constraint.nodeTaintsPolicy === "Honor";
  return {
    topologyKey,
    maxSkew,
    minDomains,
    hard: whenUnsatisfiable === "DoNotSchedule",
    isDefault: false,
    counts: ({ metadata }) =>
      metadata.namespace === pod.metadata.namespace &&
      metadata.deletionTimestamp === undefined &&
      selector.matches(metadata.labels),
    includes: (node) =>
      (!affinityCounts || selectsNode(pod, node)) &&
      (!taintsCount ||
        (node.spec?.taints ?? []).every((taint) => taint.effect === "PreferNoSchedule" || tolerates(tolerations, taint))),
  };
}

/** The pods of one revision only, when `matchLabelKeys` names the label that tells revisions apart. */
function selectorOf({ metadata }: Pod, { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint): LabelSelector {
  const labels = metadata.labels ?? {};
  const keys = matchLabelKeys.filter((key) => Object.hasOwn(labels, key));
  if (labelSelector === undefined) return compileLabelSelector(undefined);
  const more = keys.map((key) => ({ key, operator: "In", values: [labels[key] ?? ""] }));
  return compileLabelSelector({ ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...more] });
}

function count(pod: Pod, constraint: Constraint, { nodes }: ClusterSnapshot): Counted {
  const domains = new Map<string, number>();
  for (const { node, pods } of nodes) {
    const domain = domainOf(node, constraint);
    if (domain === undefined || !constraint.includes(node)) continue;
    const matching = [...pods.values()].filter(constraint.counts).length;
    domains.set(domain, (domains.get(domain) ?? 0) + matching);
  }
  return { ...constraint, domains, self: constraint.counts(pod) ? 1 : 0 };
}

function filterBy(constraints: readonly Counted[]): PodRules {
  if (constraints.length === 0) return {};
  return {
    filter: ({ node }) => constraints.map((constraint) => check(constraint, node)).find((rejection) => rejection !== undefined),
  };
}

function check(constraint: Counted, node: Node): Rejection | undefined {
  const reason = "node(s) didn't match pod topology spread constraints";
  const domain = domainOf(node, constraint);
  if (domain === undefined) return { reasons: [`${reason} (missing required label)`], resolvableByPreemption: false };
  const fewest = constraint.domains.size < constraint.minDomains ? 0 : Math.min(...constraint.domains.values());
  const skew = (constraint.domains.get(domain) ?? 0) + constraint.self - fewest;
  return skew > constraint.maxSkew ? { reasons: [reason], resolvableByPreemption: true } : undefined;
}

function scoreBy(constraints: readonly Counted[]): PodRules {
  if (constraints.length === 0) return {};
  // More domains mean that one pod more in one of them weighs more.
  const weights = constraints.map(({ domains }) => Math.log(domains.size + 2));
  const isScored = ({ node }: NodeInfo) =>
    constraints.every((constraint) => constraint.isDefault || domainOf(node, constraint) !== undefined);
  const crowd = ({ node }: NodeInfo) =>
    constraints.reduce((total, constraint, index) => {
      const domain = domainOf(node, constraint);
      if (domain === undefined) return total;
      return total + (constraint.domains.get(domain) ?? 0) * (weights[index] ?? 0) + constraint.maxSkew - 1;
    }, 0);
  return {
    score: (node) => (isScored(node) ? Math.round(crowd(node)) : unscored),
    normalize: fewerIsBetter,
  };
}

/** Stands for "has not all the keys"; becomes the lowest score. */
const unscored = -1;

function fewerIsBetter(scores: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const known = [...scores.values()].filter((score) => score !== unscored);
  const [lowest, highest] = [Math.min(...known), Math.max(...known)];
  const scaled = (score: number) =>
    highest === 0 ? highestScore : Math.floor((highestScore * (highest + lowest - score)) / highest);
  return new Map([...scores].map(([node, score]) => [node, score === unscored ? 0 : scaled(score)]));
}

/** A node that does not say its host name is its own host by its name. */
function domainOf({ metadata }: Node, { topologyKey, isDefault }: Constraint): string | undefined {
  return metadata.labels?.[topologyKey] ?? (isDefault && topologyKey === hostname ? metadata.name : undefined);
}

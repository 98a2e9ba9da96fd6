import type { Node, Pod } from "#api/generated/types";
import type { ClusterEvent } from "../cluster-event.ts";
import { type NodeInfo, podsChanged } from "../node-info.ts";
import { highestScore, type PodRules, type Rejection, type SchedulerPlugin, type Scoring } from "../plugin.ts";
import type { PodInfo } from "../pod-info.ts";
import type { ClusterSnapshot } from "../snapshot.ts";
import { type SpreadConstraint, spreadConstraintsOf } from "./spread-constraints.ts";

const hostname = "kubernetes.io/hostname";

/**
 * Spreads pods over nodes, zones or whatever a pod names. One that names nothing is spread softly over hosts and zones, together with the
 * pods of the same services and controller, as upstream's default constraints do.
 */
export const topologySpread: SchedulerPlugin = {
  name: "PodTopologySpread",
  weight: 2,
  wakes: mayHelp,
  prepare: (pod, cluster) => {
    const { hard, soft, isDefault } = spreadConstraintsOf(pod.pod, cluster.related);
    if (hard.length + soft.length === 0) return undefined;
    return {
      ...(hard.length > 0 && { filter: filterBy(pod.pod, hard, cluster) }),
      ...(soft.length > 0 && {
        scoring: (feasible: readonly NodeInfo[]) => scoreBy(soft, { cluster, feasible, needsAllKeys: !isDefault }),
      }),
    };
  },
};

interface Counted {
  readonly constraint: SpreadConstraint;
  /** Matching pods by the value of the topology key. */
  readonly domains: ReadonlyMap<string, number>;
  /** The two domains with the fewest. */
  readonly fewest: readonly (readonly [domain: string, count: number])[];
  /** Whether the pod itself is one that counts. */
  readonly self: 0 | 1;
}

function filterBy(pod: Pod, constraints: readonly SpreadConstraint[], cluster: ClusterSnapshot): NonNullable<PodRules["filter"]> {
  const counted = constraints.map((constraint): Counted => {
    const domains = new Map<string, number>();
    for (const { node, pods } of cluster.nodes) {
      const domain = domainOf(node, constraint);
      if (domain === undefined || !hasKeys(node, constraints) || !constraint.includes(node)) continue;
      domains.set(domain, (domains.get(domain) ?? 0) + countIn(pods.values(), constraint));
    }
    const fewest = [...domains].toSorted(([, left], [, right]) => left - right).slice(0, 2);
    return { constraint, domains, fewest, self: constraint.selects(pod) ? 1 : 0 };
  });
  return (info) => {
    const { came, left } = podsChanged(cluster.byName.get(info.node.metadata.name) ?? info, info);
    for (const each of counted) {
      const { constraint } = each;
      const counts = hasKeys(info.node, constraints) && constraint.includes(info.node);
      const rejection = check(each, info.node, counts ? countIn(came, constraint) - countIn(left, constraint) : 0);
      if (rejection !== undefined) return rejection;
    }
    return undefined;
  };
}

/** `change`: how many more there are in the node's domain than were counted. */
function check({ constraint, domains, fewest, self }: Counted, node: Node, change: number): Rejection | undefined {
  const reason = "node(s) didn't match pod topology spread constraints";
  const domain = domainOf(node, constraint);
  if (domain === undefined) return { reasons: [`${reason} (missing required label)`], resolvableByPreemption: false };
  const here = (domains.get(domain) ?? 0) + change;
  const [, elsewhere] = fewest.find(([other]) => other !== domain) ?? [domain, Infinity];
  const lowest = domains.has(domain) ? Math.min(here, elsewhere) : elsewhere;
  const skew = here + self - (domains.size < constraint.minDomains ? 0 : lowest);
  return skew > constraint.maxSkew ? { reasons: [reason], resolvableByPreemption: true } : undefined;
}

interface Scored {
  readonly cluster: ClusterSnapshot;
  readonly feasible: readonly NodeInfo[];
  /** Constraints of the pod itself do not score nodes that lack one of the keys; default ones score what is there. */
  readonly needsAllKeys: boolean;
}

function scoreBy(constraints: readonly SpreadConstraint[], { cluster, feasible, needsAllKeys }: Scored): Scoring {
  const isScored = (node: Node) => !needsAllKeys || hasKeys(node, constraints);
  const candidates = feasible.filter(({ node }) => isScored(node));
  const counted = constraints.map((constraint) => {
    const perNode = constraint.topologyKey === hostname;
    const domains = new Map(candidates.map(({ node }) => [domainOf(node, constraint) ?? "", 0]));
    for (const { node, pods } of perNode ? [] : cluster.nodes) {
      const domain = domainOf(node, constraint) ?? "";
      const count = domains.get(domain);
      if (count === undefined || !isScored(node) || !constraint.includes(node)) continue;
      domains.set(domain, count + countIn(pods.values(), constraint));
    }
    // More domains mean that one pod more in one of them weighs more.
    const weight = Math.log((perNode ? candidates.length : domains.size) + 2);
    const crowd = ({ node, pods }: NodeInfo) => {
      const domain = domainOf(node, constraint);
      if (domain === undefined) return 0;
      return (perNode ? countIn(pods.values(), constraint) : (domains.get(domain) ?? 0)) * weight + constraint.maxSkew - 1;
    };
    return crowd;
  });
  return {
    score: (info) => (isScored(info.node) ? Math.round(counted.reduce((total, crowd) => total + crowd(info), 0)) : unscored),
    normalize: fewerIsBetter,
  };
}

/** Stands for "has not all the keys"; becomes the lowest score. */
const unscored = -1;

function fewerIsBetter(scores: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  let [lowest, highest] = [Infinity, 0];
  for (const score of scores.values()) {
    if (score !== unscored) [lowest, highest] = [Math.min(lowest, score), Math.max(highest, score)];
  }
  const scaled = (score: number) =>
    highest === 0 ? highestScore : Math.floor((highestScore * (highest + lowest - score)) / highest);
  return new Map([...scores].map(([node, score]) => [node, score === unscored ? 0 : scaled(score)]));
}

function countIn(pods: Iterable<PodInfo>, constraint: SpreadConstraint): number {
  let count = 0;
  for (const { pod } of pods) if (constraint.counts(pod)) count++;
  return count;
}

function hasKeys(node: Node, constraints: readonly SpreadConstraint[]): boolean {
  return constraints.every((constraint) => domainOf(node, constraint) !== undefined);
}

function domainOf({ metadata }: Node, { topologyKey }: SpreadConstraint): string | undefined {
  return metadata.labels?.[topologyKey];
}

function mayHelp({ pod }: PodInfo, event: ClusterEvent): boolean {
  switch (event.type) {
    case "podAdded":
    case "podDeleted":
    case "podUpdated":
      return event.pod.metadata.namespace === pod.metadata.namespace;
    case "nodeAdded":
    case "nodeUpdated":
    case "nodeDeleted":
      return true;
    case "namespaceChanged":
      return false;
  }
}

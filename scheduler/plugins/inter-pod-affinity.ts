import { isDeepStrictEqual } from "node:util";
import type { Labels } from "#api/label-selector";
import { type AffinityTerm, affinityTermsOf } from "../affinity-terms.ts";
import type { ClusterEvent } from "../cluster-event.ts";
import { type NodeInfo, podsChanged } from "../node-info.ts";
import { highestScore, type PodRules, type Rejection, type SchedulerPlugin, type Scoring } from "../plugin.ts";
import type { PodInfo } from "../pod-info.ts";
import type { ClusterSnapshot } from "../snapshot.ts";

/** How much it draws a pod that somebody on a node requires to be near (upstream: hardPodAffinityWeight). */
const drawnByRequirement = 1;

/**
 * Pods near pods, and pods far from pods: what the pod says about those that are there, and what they say about it.
 *
 * Everything is counted once over the cluster, by topology key and value; for a node only its own values are looked up.
 */
export const interPodAffinity: SchedulerPlugin = {
  name: "InterPodAffinity",
  weight: 2,
  wakes: mayHelp,
  prepare: (pod, cluster) => ({
    ...filterBy(pod, cluster),
    scoring: () => scoreBy(pod, cluster),
  }),
};

/** By topology key, then by its value. */
type Counts = Map<string, Map<string, number>>;

/** Numbers of pods: only those that matter for the required terms. */
interface Tally {
  /** Pods there whose required anti-affinity is against the pod. */
  readonly against: Counts;
  /** Pods there that match all that the pod requires to be near. */
  readonly wanted: Counts;
  /** Pods there that the pod requires to be far. */
  readonly unwanted: Counts;
}

const emptyTally = (): Tally => ({ against: new Map(), wanted: new Map(), unwanted: new Map() });

function filterBy(pod: PodInfo, cluster: ClusterSnapshot): Pick<PodRules, "filter"> {
  const { required, requiredAnti } = pod.affinity;
  const count = counterFor(pod, cluster);
  const base = emptyTally();
  const looksAtAll = required.length + requiredAnti.length > 0;
  for (const info of cluster.nodes) {
    for (const other of (looksAtAll ? info.pods : info.podsWithAffinity).values()) count(other, info, 1, base);
  }
  return {
    filter: (info) => {
      const { came, left } = podsChanged(cluster.byName.get(info.node.metadata.name) ?? info, info);
      const change = emptyTally();
      for (const other of came) count(other, info, 1, change);
      for (const other of left) count(other, info, -1, change);
      return check(pod, info, { base, change, isFirst: () => isFirst(pod, cluster, base, change) });
    },
  };
}

function counterFor(pod: PodInfo, { related }: ClusterSnapshot) {
  const { required, requiredAnti } = pod.affinity;
  const ownLabels = related.namespaceLabels(pod.pod.metadata.namespace ?? "");
  return (other: PodInfo, { node }: NodeInfo, by: 1 | -1, tally: Tally): void => {
    const labels = node.metadata.labels ?? {};
    for (const term of other.affinity.requiredAnti) {
      if (term.matches(pod.pod, ownLabels)) add(tally.against, term, labels, by);
    }
    if (required.length + requiredAnti.length === 0) return;
    const otherLabels = related.namespaceLabels(other.pod.metadata.namespace ?? "");
    if (required.length > 0 && required.every((term) => term.matches(other.pod, otherLabels))) {
      for (const term of required) add(tally.wanted, term, labels, by);
    }
    for (const term of requiredAnti) {
      if (term.matches(other.pod, otherLabels)) add(tally.unwanted, term, labels, by);
    }
  };

  function add(counts: Counts, { topologyKey }: AffinityTerm, labels: Labels, by: number): void {
    const value = labels[topologyKey];
    if (value !== undefined) addTo(counts, topologyKey, value, by);
  }
}

interface Counted {
  readonly base: Tally;
  readonly change: Tally;
  readonly isFirst: () => boolean;
}

function check(pod: PodInfo, { node }: NodeInfo, { base, change, isFirst }: Counted): Rejection | undefined {
  const labels = node.metadata.labels ?? {};
  const here = (which: keyof Tally, key: string): number => {
    const value = labels[key];
    return value === undefined ? 0 : at(base[which], key, value) + at(change[which], key, value);
  };
  const { required, requiredAnti } = pod.affinity;
  if (required.length > 0) {
    const hasKeys = required.every(({ topologyKey }) => labels[topologyKey] !== undefined);
    const near = required.every(({ topologyKey }) => here("wanted", topologyKey) > 0);
    if (!hasKeys || !(near || isFirst()))
      return { reasons: ["node(s) didn't match pod affinity rules"], resolvableByPreemption: false };
  }
  if (requiredAnti.some(({ topologyKey }) => here("unwanted", topologyKey) > 0)) {
    return { reasons: ["node(s) didn't match pod anti-affinity rules"], resolvableByPreemption: true };
  }
  const minded = [...base.against.keys(), ...change.against.keys()].some((key) => here("against", key) > 0);
  if (!minded) return undefined;
  return { reasons: ["node(s) didn't satisfy existing pods anti-affinity rules"], resolvableByPreemption: true };
}

/** The first of a group that wants to be together may go anywhere, or none of them ever could. */
function isFirst({ pod, affinity }: PodInfo, { related }: ClusterSnapshot, base: Tally, change: Tally): boolean {
  const ownLabels = related.namespaceLabels(pod.metadata.namespace ?? "");
  return total(base.wanted) + total(change.wanted) === 0 && affinity.required.every((term) => term.matches(pod, ownLabels));
}

function scoreBy(pod: PodInfo, cluster: ClusterSnapshot): Scoring | undefined {
  const draw: Counts = new Map();
  const { preferred } = pod.affinity;
  const { related } = cluster;
  const ownLabels = related.namespaceLabels(pod.pod.metadata.namespace ?? "");
  for (const { node, pods, podsWithAffinity } of cluster.nodes) {
    const labels = node.metadata.labels ?? {};
    const pull = ({ topologyKey }: AffinityTerm, weight: number) => {
      const value = labels[topologyKey];
      if (value !== undefined) addTo(draw, topologyKey, value, weight);
    };
    for (const other of (preferred.length > 0 ? pods : podsWithAffinity).values()) {
      const otherLabels = related.namespaceLabels(other.pod.metadata.namespace ?? "");
      for (const term of preferred) if (term.matches(other.pod, otherLabels)) pull(term, term.weight);
      for (const term of other.affinity.required) if (term.matches(pod.pod, ownLabels)) pull(term, drawnByRequirement);
      for (const term of other.affinity.preferred) if (term.matches(pod.pod, ownLabels)) pull(term, term.weight);
    }
  }
  if (draw.size === 0) return undefined;
  return { score: ({ node }) => drawOf(node.metadata.labels ?? {}, draw), normalize: stretched };
}

function drawOf(labels: Labels, draw: Counts): number {
  let sum = 0;
  for (const key of draw.keys()) {
    const value = labels[key];
    if (value !== undefined) sum += at(draw, key, value);
  }
  return sum;
}

/** The lowest becomes 0 and the highest 100. */
function stretched(scores: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  let [lowest, highest] = [Infinity, -Infinity];
  for (const score of scores.values()) [lowest, highest] = [Math.min(lowest, score), Math.max(highest, score)];
  const range = highest - lowest;
  const scaled = (score: number) => (range > 0 ? Math.trunc(highestScore * ((score - lowest) / range)) : 0);
  return new Map([...scores].map(([node, score]) => [node, scaled(score)]));
}

function addTo(counts: Counts, key: string, value: string, by: number): void {
  const values = counts.get(key) ?? new Map<string, number>();
  counts.set(key, values.set(value, (values.get(value) ?? 0) + by));
}

function at(counts: Counts, key: string, value: string): number {
  return counts.get(key)?.get(value) ?? 0;
}

function total(counts: Counts): number {
  let sum = 0;
  for (const values of counts.values()) for (const count of values.values()) sum += count;
  return sum;
}

/** A node with other labels, somebody wanted who came, or somebody unwanted who left. */
function mayHelp({ affinity }: PodInfo, event: ClusterEvent): boolean {
  switch (event.type) {
    case "nodeAdded":
    case "nodeUpdated":
    case "namespaceChanged":
      return true;
    case "podUpdated":
      return !isDeepStrictEqual(event.old.metadata.labels, event.pod.metadata.labels);
    case "nodeDeleted":
      return false;
    case "podAdded":
      return affinity.required.length > 0;
    case "podDeleted":
      return affinity.required.length + affinity.requiredAnti.length > 0 || affinityTermsOf(event.pod).requiredAnti.length > 0;
  }
}

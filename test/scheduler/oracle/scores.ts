import type { Node, Pod, PodAffinityTerm } from "#api/generated/types";
import { allocatable, needs, sum } from "./amounts.ts";
import { means, nodeTermMatches, tolerated } from "./selectors.ts";
import { countOn, hasKeys, isIncluded, spreadOf } from "./spreading.ts";
import { labelsOf, nodeOf, podsOn, type World } from "./world.ts";

/** One number from 0 to 100 for each of the nodes that are left. */
type Score = (pod: Pod, nodes: readonly Node[], world: World) => readonly number[];

const taints: Score = (pod, nodes) => {
  const tolerations = (pod.spec?.tolerations ?? []).filter(({ effect }) => effect === undefined || effect === "PreferNoSchedule");
  const bad = nodes.map(
    ({ spec }) =>
      (spec?.taints ?? []).filter((taint) => taint.effect === "PreferNoSchedule" && !tolerated(taint, tolerations)).length,
  );
  const worst = Math.max(...bad);
  return bad.map((count) => 100 - (worst === 0 ? 0 : Math.floor((100 * count) / worst)));
};

const nodeAffinity: Score = (pod, nodes) => {
  const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const good = nodes.map((node) =>
    sum(preferred.map(({ preference, weight }) => (nodeTermMatches(node, preference) ? weight : 0))),
  );
  const best = Math.max(...good);
  return good.map((weight) => (best === 0 ? 0 : Math.floor((100 * weight) / best)));
};

const spread: Score = (pod, nodes, world) => {
  const { spread: constraints, isDefault } = spreadOf(pod, "ScheduleAnyway", world);
  if (constraints.length === 0) return nodes.map(() => 0);
  const isScored = (node: Node) => isDefault || hasKeys(node, constraints);
  const scored = nodes.filter(isScored);
  const crowds = nodes.map((node) => {
    if (!isScored(node)) return undefined;
    let crowd = 0;
    for (const each of constraints) {
      const key = each.topologyKey;
      const domain = labelsOf(node)[key];
      if (domain === undefined) continue;
      const isHost = key === "kubernetes.io/hostname";
      const neighbours = world.nodes.filter(
        (other) => labelsOf(other)[key] === domain && isScored(other) && isIncluded(pod, other, each),
      );
      const count = isHost ? countOn(world, node, pod, each) : sum(neighbours.map((other) => countOn(world, other, pod, each)));
      const size = isHost ? scored.length : new Set(scored.map((other) => labelsOf(other)[key])).size;
      crowd += count * Math.log(size + 2) + (each.maxSkew - 1);
    }
    return Math.round(crowd);
  });
  const known = crowds.filter((crowd) => crowd !== undefined);
  const [least, most] = [Math.min(...known), Math.max(0, ...known)];
  return crowds.map((crowd) => {
    if (crowd === undefined) return 0;
    return most === 0 ? 100 : Math.floor((100 * (most + least - crowd)) / most);
  });
};

const otherPods: Score = (pod, nodes, world) => {
  const sums = nodes.map((node) => {
    let total = 0;
    for (const other of world.placed) {
      const place = nodeOf(world, other);
      if (place === undefined) continue;
      const near = ({ topologyKey }: PodAffinityTerm) =>
        labelsOf(node)[topologyKey] !== undefined && labelsOf(node)[topologyKey] === labelsOf(place)[topologyKey];
      for (const [owner, subject] of [
        [pod, other],
        [other, pod],
      ] as const) {
        const { podAffinity, podAntiAffinity } = owner.spec?.affinity ?? {};
        for (const { weight, podAffinityTerm: term } of podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
          if (near(term) && means(world, owner, term, subject)) total += weight;
        }
        for (const { weight, podAffinityTerm: term } of podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
          if (near(term) && means(world, owner, term, subject)) total -= weight;
        }
      }
      for (const term of other.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
        if (near(term) && means(world, other, term, pod)) total += 1;
      }
    }
    return total;
  });
  const [lowest, highest] = [Math.min(...sums), Math.max(...sums)];
  return sums.map((total) => (highest > lowest ? Math.trunc(100 * ((total - lowest) / (highest - lowest))) : 0));
};

const leastAllocated: Score = (pod, nodes, world) =>
  nodes.map((node) => {
    const parts = ["cpu", "memory"]
      .filter((resource) => allocatable(node, resource) > 0)
      .map((resource) => {
        const used = sum([pod, ...podsOn(world, node)].map((each) => needs(each, resource, true)));
        const total = allocatable(node, resource);
        return used > total ? 0 : Math.floor(((total - used) * 100) / total);
      });
    return parts.length === 0 ? 0 : Math.floor(sum(parts) / parts.length);
  });

const balanced: Score = (pod, nodes, world) =>
  nodes.map((node) => {
    if (needs(pod, "cpu") === 0 && needs(pod, "memory") === 0) return 0;
    const shares = ["cpu", "memory"]
      .filter((resource) => allocatable(node, resource) > 0)
      .map((resource) => {
        const used = sum([pod, ...podsOn(world, node)].map((each) => needs(each, resource)));
        return Math.min(1, used / allocatable(node, resource));
      });
    const [cpu = 0, memory = cpu] = shares;
    return Math.trunc((1 - Math.abs((cpu - memory) / 2)) * 100);
  });

const images: Score = (pod, nodes, world) => {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const [least, most] = [23 * 2 ** 20, 1000 * 2 ** 20 * containers.length];
  const sizeOn = (node: Node, image: string) => {
    const withTag = /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
    return (node.status?.images ?? []).find(({ names = [] }) => names.includes(withTag))?.sizeBytes;
  };
  return nodes.map((node) => {
    const parts = containers.map(({ image = "" }) => {
      const holders = world.nodes.filter((other) => sizeOn(other, image) !== undefined).length;
      return Math.trunc((sizeOn(node, image) ?? 0) * (holders / world.nodes.length));
    });
    const counted = Math.max(least, Math.min(most, sum(parts)));
    return Math.floor((100 * (counted - least)) / (most - least));
  });
};

const weights: readonly (readonly [plugin: string, weight: number, score: Score])[] = [
  ["TaintToleration", 3, taints],
  ["NodeAffinity", 2, nodeAffinity],
  ["PodTopologySpread", 2, spread],
  ["InterPodAffinity", 2, otherPods],
  ["NodeResourcesFit", 1, leastAllocated],
  ["NodeResourcesBalancedAllocation", 1, balanced],
  ["ImageLocality", 1, images],
];

/** By plugin, weighted, in the order of `nodes`. */
export function scores(pod: Pod, nodes: readonly Node[], world: World): ReadonlyMap<string, readonly number[]> {
  return new Map(weights.map(([plugin, weight, score]) => [plugin, score(pod, nodes, world).map((each) => each * weight)]));
}

import type { Node, Pod, TopologySpreadConstraint } from "#api/generated/types";
import { selects, toleratesNode, wantsNode } from "./selectors.ts";
import { labelsOf, podsOn, type World } from "./world.ts";

export interface Spread extends TopologySpreadConstraint {
  /** Whether labels are those of the pods that are spread. */
  readonly isOne: (labels: Readonly<Record<string, string>>) => boolean;
}

export function spreadOf(pod: Pod, action: string, world: World): { spread: Spread[]; isDefault: boolean } {
  const own = pod.spec?.topologySpreadConstraints ?? [];
  if (own.length > 0) {
    const those = own.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action);
    return {
      isDefault: false,
      spread: those.map((each) => ({ ...each, isOne: (labels) => selects(each.labelSelector, labels) })),
    };
  }
  const services = world.services.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.metadata.namespace && selects({ matchLabels: spec?.selector ?? {} }, labelsOf(pod)),
  );
  const owner = pod.metadata.ownerReferences?.[0]?.name;
  const sets = world.replicaSets.filter(
    ({ metadata }) => metadata.namespace === pod.metadata.namespace && metadata.name === owner,
  );
  if (action === "DoNotSchedule" || services.length + sets.length === 0) return { isDefault: true, spread: [] };
  const isOne = (labels: Readonly<Record<string, string>>) =>
    services.every(({ spec }) => selects({ matchLabels: spec?.selector ?? {} }, labels)) &&
    sets.every(({ spec }) => selects(spec?.selector, labels));
  return {
    isDefault: true,
    spread: [
      { topologyKey: "kubernetes.io/hostname", maxSkew: 3, whenUnsatisfiable: action, isOne },
      { topologyKey: "topology.kubernetes.io/zone", maxSkew: 5, whenUnsatisfiable: action, isOne },
    ],
  };
}

export function hasKeys(node: Node, spread: readonly Spread[]): boolean {
  return spread.every(({ topologyKey }) => labelsOf(node)[topologyKey] !== undefined);
}

/** Whether the pods of a node are looked at. */
export function isIncluded(pod: Pod, node: Node, each: Spread): boolean {
  if (each.nodeAffinityPolicy !== "Ignore" && !wantsNode(pod, node)) return false;
  return each.nodeTaintsPolicy !== "Honor" || toleratesNode(pod, node);
}

export function countOn(world: World, node: Node, pod: Pod, each: Spread): number {
  return podsOn(world, node).filter(
    (other) =>
      other.metadata.namespace === pod.metadata.namespace &&
      other.metadata.deletionTimestamp === undefined &&
      each.isOne(labelsOf(other)),
  ).length;
}

import type { Node, Pod, Service, TopologySpreadConstraint } from "#api/generated/types";
import { compileLabelSelector, type Labels, type LabelSelector, selectorFromLabels } from "#api/label-selector";
import { controllerOf } from "#api/object";
import type { RelatedObjects } from "../snapshot.ts";
import { selectsNode } from "./node-affinity.ts";
import { toleratesHardTaints } from "./taint-toleration.ts";

export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** Whether it is one of the pods that are spread, by its labels. */
  selects(pod: Pod): boolean;
  /** Whether another pod counts: pods on their way out do not. */
  counts(other: Pod): boolean;
  /** Whether the pods of a node count. */
  includes(node: Node): boolean;
}

export interface SpreadConstraints {
  readonly hard: readonly SpreadConstraint[];
  readonly soft: readonly SpreadConstraint[];
  /** Nobody asked for them. */
  readonly isDefault: boolean;
}

export function spreadConstraintsOf(pod: Pod, related: RelatedObjects): SpreadConstraints {
  const own = pod.spec?.topologySpreadConstraints ?? [];
  if (own.length === 0) return { hard: [], soft: defaultConstraints(pod, related), isDefault: true };
  const those = (action: string) =>
    own
      .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action)
      .map((constraint) => compile(pod, constraint, ownSelector(pod, constraint)));
  return { hard: those("DoNotSchedule"), soft: those("ScheduleAnyway"), isDefault: false };
}

/** Upstream: systemDefaultConstraints. */
const systemDefaults: readonly TopologySpreadConstraint[] = [
  { topologyKey: "kubernetes.io/hostname", maxSkew: 3, whenUnsatisfiable: "ScheduleAnyway" },
  { topologyKey: "topology.kubernetes.io/zone", maxSkew: 5, whenUnsatisfiable: "ScheduleAnyway" },
];

function defaultConstraints(pod: Pod, related: RelatedObjects): readonly SpreadConstraint[] {
  const selector = siblingsOf(pod, related);
  return selector === undefined ? [] : systemDefaults.map((constraint) => compile(pod, constraint, selector));
}

/** The pods that do the same work: those of its services and of its ReplicaSet. Undefined: nobody says so. */
function siblingsOf({ metadata }: Pod, related: RelatedObjects): LabelSelector | undefined {
  const namespace = metadata.namespace ?? "";
  const own = related.services(namespace).filter((service) => selectsPod(service, metadata.labels));
  const ofServices = Object.fromEntries(own.flatMap(({ spec }) => Object.entries(spec?.selector ?? {})));
  const owner = controllerOf({ metadata });
  const isReplicaSet = owner?.kind === "ReplicaSet" && owner.apiVersion.startsWith("apps/");
  const replicaSet = isReplicaSet ? related.replicaSet({ namespace, name: owner.name }) : undefined;
  const ofController = replicaSet && compileLabelSelector(replicaSet.spec?.selector);
  if (Object.keys(ofServices).length === 0 && (ofController?.requirements ?? []).length === 0) return undefined;
  const services = selectorFromLabels(ofServices);
  return {
    requirements: [...(services.requirements ?? []), ...(ofController?.requirements ?? [])],
    matches: (labels) => services.matches(labels) && (ofController?.matches(labels) ?? true),
  };
}

function selectsPod({ spec }: Service, labels: Labels = {}): boolean {
  const selector = Object.entries(spec?.selector ?? {});
  return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
}

function compile(pod: Pod, constraint: TopologySpreadConstraint, selector: LabelSelector): SpreadConstraint {
  const { topologyKey, maxSkew, minDomains = 1, nodeAffinityPolicy = "Honor", nodeTaintsPolicy = "Ignore" } = constraint;
  const tolerations = pod.spec?.tolerations ?? [];
  return {
    topologyKey,
    maxSkew,
    minDomains,
    selects: ({ metadata }) => selector.matches(metadata.labels),
    counts: ({ metadata }) =>
      metadata.namespace === pod.metadata.namespace &&
      metadata.deletionTimestamp === undefined &&
      selector.matches(metadata.labels),
    includes: (node) =>
      (nodeAffinityPolicy !== "Honor" || selectsNode(pod, node)) &&
      (nodeTaintsPolicy !== "Honor" || toleratesHardTaints(tolerations, node)),
  };
}

/**
 * The pods of one revision only, when `matchLabelKeys` names the label that tells revisions apart. Pods made by an API server have that
 * in their selector already.
 */
function ownSelector({ metadata }: Pod, { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint): LabelSelector {
  const labels = metadata.labels ?? {};
  const keys = matchLabelKeys.filter((key) => Object.hasOwn(labels, key));
  if (labelSelector === undefined) return compileLabelSelector(undefined);
  const more = keys.map((key) => ({ key, operator: "In", values: [labels[key] ?? ""] }));
  return compileLabelSelector({ ...labelSelector, matchExpressions: [...(labelSelector.matchExpressions ?? []), ...more] });
}

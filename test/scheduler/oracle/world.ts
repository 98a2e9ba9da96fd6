import type { Node, Pod, ReplicaSet, Service } from "#api/generated/types";

/** A whole cluster, as plain lists. */
export interface World {
  readonly nodes: readonly Node[];
  /** Each names its node. */
  readonly placed: readonly Pod[];
  /** Pods without a node that `status.nominatedNodeName` promises one. */
  readonly waiting: readonly Pod[];
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly services: readonly Service[];
  readonly replicaSets: readonly ReplicaSet[];
}

export function podsOn(world: World, node: Node): readonly Pod[] {
  return world.placed.filter((pod) => pod.spec?.nodeName === node.metadata.name);
}

export function nodeOf(world: World, pod: Pod): Node | undefined {
  return world.nodes.find((node) => node.metadata.name === pod.spec?.nodeName);
}

export function priorityOf(pod: Pod): number {
  return pod.spec?.priority ?? 0;
}

export function labelsOf(object: Node | Pod): Readonly<Record<string, string>> {
  return object.metadata.labels ?? {};
}

/** As if the pod were on the node. */
export function putOn(world: World, pod: Pod, node: Node): World {
  const placed = { ...pod, spec: { containers: [], ...pod.spec, nodeName: node.metadata.name ?? "" } };
  return { ...world, placed: [...world.placed, placed] };
}

export function without(world: World, gone: readonly Pod[]): World {
  return { ...world, placed: world.placed.filter((pod) => !gone.some((other) => other.metadata.uid === pod.metadata.uid)) };
}

import type { Node } from "#api/generated/types";
import type { Stored } from "#api/object";
import { saysAnything } from "./affinity-terms.ts";
import type { PodInfo } from "./pod-info.ts";
import { type Amounts, amountsOf, minus, nothing, plus } from "./resources.ts";

type Pods = ReadonlyMap<string, PodInfo>;

/** A node and what is on it, added up. Immutable. */
export interface NodeInfo {
  readonly node: Stored<Node>;
  /** By uid; those that are about to be bound are among them. */
  readonly pods: Pods;
  /** Those of `pods` that want others near or far. */
  readonly podsWithAffinity: Pods;
  readonly allocatable: Amounts;
  readonly requested: Amounts;
  /** For scores: pods that ask for nothing count a little. */
  readonly scoredRequested: Amounts;
}

export function emptyNode(node: Stored<Node>): NodeInfo {
  const none = { pods: new Map(), podsWithAffinity: new Map(), requested: nothing, scoredRequested: nothing };
  return { node, ...none, allocatable: amountsOf(node.status?.allocatable) };
}

export function withNode(info: NodeInfo, node: Stored<Node>): NodeInfo {
  return { ...info, node, allocatable: amountsOf(node.status?.allocatable) };
}

export function withPod(info: NodeInfo, pod: PodInfo): NodeInfo {
  const others = withoutPod(info, pod.uid);
  return {
    ...others,
    pods: new Map(others.pods).set(pod.uid, pod),
    ...(saysAnything(pod.affinity) && { podsWithAffinity: new Map(others.podsWithAffinity).set(pod.uid, pod) }),
    requested: plus(others.requested, pod.requests),
    scoredRequested: plus(others.scoredRequested, pod.scoredRequests),
  };
}

export function withoutPod(info: NodeInfo, uid: string): NodeInfo {
  const pod = info.pods.get(uid);
  if (pod === undefined) return info;
  return {
    ...info,
    pods: without(info.pods, uid),
    ...(info.podsWithAffinity.has(uid) && { podsWithAffinity: without(info.podsWithAffinity, uid) }),
    requested: minus(info.requested, pod.requests),
    scoredRequested: minus(info.scoredRequested, pod.scoredRequests),
  };
}

/** Which pods came and which left between two states of one node. */
export function podsChanged(before: NodeInfo, after: NodeInfo): { came: readonly PodInfo[]; left: readonly PodInfo[] } {
  if (before.pods === after.pods) return { came: [], left: [] };
  return {
    came: [...after.pods.values()].filter(({ uid }) => !before.pods.has(uid)),
    left: [...before.pods.values()].filter(({ uid }) => !after.pods.has(uid)),
  };
}

function without(pods: Pods, uid: string): Pods {
  const left = new Map(pods);
  left.delete(uid);
  return left;
}

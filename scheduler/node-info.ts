import type { Node, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { type Amounts, amountsOf, minus, nothing, plus, requestsOf, scoredRequestsOf } from "./resources.ts";

/** A node and what is on it, added up. Immutable. */
export interface NodeInfo {
  readonly node: Stored<Node>;
  /** By uid; those that are about to be bound are among them. */
  readonly pods: ReadonlyMap<string, Stored<Pod>>;
  readonly allocatable: Amounts;
  readonly requested: Amounts;
  /** For scores: pods that ask for nothing count a little. */
  readonly scoredRequested: Amounts;
}

export function emptyNode(node: Stored<Node>): NodeInfo {
  const allocatable = amountsOf(node.status?.allocatable);
  return { node, pods: new Map(), allocatable, requested: nothing, scoredRequested: nothing };
}

export function withNode(info: NodeInfo, node: Stored<Node>): NodeInfo {
  return { ...info, node, allocatable: amountsOf(node.status?.allocatable) };
}

export function withPod(info: NodeInfo, pod: Stored<Pod>): NodeInfo {
  const others = withoutPod(info, pod.metadata.uid);
  return {
    ...others,
    pods: new Map(others.pods).set(pod.metadata.uid, pod),
    requested: plus(others.requested, requestsOf(pod)),
    scoredRequested: plus(others.scoredRequested, scoredRequestsOf(pod)),
  };
}

export function withoutPod(info: NodeInfo, uid: string): NodeInfo {
  const pod = info.pods.get(uid);
  if (pod === undefined) return info;
  const pods = new Map(info.pods);
  pods.delete(uid);
  return {
    ...info,
    pods,
    requested: minus(info.requested, requestsOf(pod)),
    scoredRequested: minus(info.scoredRequested, scoredRequestsOf(pod)),
  };
}

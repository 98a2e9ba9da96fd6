import type { ContainerPort, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { type AffinityTerms, affinityTermsOf } from "./affinity-terms.ts";
import { hostPortsOf } from "./host-ports.ts";
import { type Amounts, requestsOf, scoredRequestsOf } from "./resources.ts";

/** A pod and what decisions ask of it again and again, worked out once. Immutable. */
export interface PodInfo {
  readonly pod: Stored<Pod>;
  readonly uid: string;
  readonly priority: number;
  readonly requests: Amounts;
  /** For scores: containers that ask for nothing count a little. */
  readonly scoredRequests: Amounts;
  readonly hostPorts: readonly ContainerPort[];
  readonly affinity: AffinityTerms;
}

export function podInfoOf(pod: Stored<Pod>): PodInfo {
  return {
    pod,
    uid: pod.metadata.uid,
    priority: pod.spec?.priority ?? 0,
    requests: requestsOf(pod),
    scoredRequests: scoredRequestsOf(pod),
    hostPorts: hostPortsOf(pod),
    affinity: affinityTermsOf(pod),
  };
}

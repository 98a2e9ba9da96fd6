import { timestamp } from "#base/clock";
import type { Pod, ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from "#api/generated/types";
import { isAvailable, isFinished, isReady } from "../framework/pods.ts";

export interface StatusView {
  readonly replicaSet: ReplicaSet;
  readonly active: readonly Pod[];
  readonly terminating: number;
  readonly now: number;
  /** Why pods could not be made or deleted. */
  readonly failure?: { readonly reason: "FailedCreate" | "FailedDelete"; readonly message: string };
}

/** Counts of zero are left out, but for `replicas`, as upstream's encoding does. */
export function replicaSetStatus(view: StatusView): ReplicaSetStatus {
  const { replicaSet, active, terminating, now } = view;
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0;
  const labels = Object.entries(replicaSet.spec?.template?.metadata?.labels ?? {});
  const counts = {
    fullyLabeledReplicas: active.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value)).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: active.filter((pod) => isAvailable(pod, minReadySeconds, now)).length,
    observedGeneration: replicaSet.metadata.generation ?? 0,
  };
  const present = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  const conditions = conditionsOf(view);
  return { replicas: active.length, ...present, terminatingReplicas: terminating, ...(conditions.length > 0 && { conditions }) };
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && !isFinished(pod);
}

function conditionsOf({ replicaSet, failure, now }: StatusView): readonly ReplicaSetCondition[] {
  const existing = replicaSet.status?.conditions ?? [];
  const others = existing.filter((condition) => condition.type !== "ReplicaFailure");
  if (failure === undefined) return others;
  // The first failure is kept: its time says since when.
  if (others.length < existing.length) return existing;
  const { reason, message } = failure;
  return [...others, { type: "ReplicaFailure", status: "True", reason, message, lastTransitionTime: timestamp(now) }];
}

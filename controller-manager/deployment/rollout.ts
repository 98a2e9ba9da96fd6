import type { Deployment, Pod, ReplicaSet } from "#api/generated/types";
import type { Stored } from "#api/object";
import { desiredReplicasOf, revisionOf } from "./annotations.ts";
import { replicasOf } from "./limits.ts";
import { sameTemplate } from "./template-hash.ts";

export interface DeploymentView {
  readonly deployment: Stored<Deployment>;
  /** In its namespace: those that it controls, and those that nobody does. */
  readonly candidates: readonly Stored<ReplicaSet>[];
  /** Of the ReplicaSets that it controls, by their uid. */
  readonly pods: ReadonlyMap<string, readonly Pod[]>;
  /** Holds the name of the ReplicaSet that would be made next. */
  readonly nameTakenBy?: Stored<ReplicaSet>;
  readonly canAdopt: boolean;
  readonly now: number;
}

/** The ReplicaSets of a Deployment, told apart. */
export interface Rollout {
  readonly deployment: Stored<Deployment>;
  /** Makes pods of the current template. */
  readonly current?: Stored<ReplicaSet>;
  /** Oldest first. */
  readonly old: readonly Stored<ReplicaSet>[];
  readonly all: readonly Stored<ReplicaSet>[];
}

export function rolloutOf(deployment: Stored<Deployment>, owned: readonly Stored<ReplicaSet>[]): Rollout {
  const all = owned.toSorted(olderFirst);
  // Of several with the current template the oldest counts, so that every pass chooses the same one.
  const current = all.find(({ spec }) => sameTemplate(spec?.template ?? {}, deployment.spec?.template ?? {}));
  const old = all.filter((replicaSet) => replicaSet !== current);
  return { deployment, old, all, ...(current !== undefined && { current }) };
}

/** Above those of all old ReplicaSets. */
export function nextRevision({ old }: Rollout): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

/** Whether the number of replicas was changed since the ReplicaSets were last sized. */
export function isScalingEvent({ deployment, all }: Rollout): boolean {
  return all.some(
    (replicaSet) => isActive(replicaSet) && (desiredReplicasOf(replicaSet) ?? replicasOf(deployment)) !== replicasOf(deployment),
  );
}

export function isActive(replicaSet: ReplicaSet): boolean {
  return replicasOf(replicaSet) > 0;
}

/** How many pods are asked for. */
export function specReplicas(replicaSets: readonly ReplicaSet[]): number {
  return sum(replicaSets.map(replicasOf));
}

export function statusSum(
  replicaSets: readonly ReplicaSet[],
  count: "replicas" | "readyReplicas" | "availableReplicas" | "terminatingReplicas",
): number {
  return sum(replicaSets.map(({ status }) => status?.[count] ?? 0));
}

export function olderFirst(left: Stored<ReplicaSet>, right: Stored<ReplicaSet>): number {
  const [leftTime, rightTime] = [left.metadata.creationTimestamp, right.metadata.creationTimestamp];
  if (leftTime !== rightTime) return leftTime < rightTime ? -1 : 1;
  return left.metadata.name < right.metadata.name ? -1 : 1;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

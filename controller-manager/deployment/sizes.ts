import type { ReplicaSet } from "#api/generated/types";
import type { Stored } from "#api/object";
import { desiredReplicasOf, maxReplicasOf } from "./annotations.ts";
import { isRollingUpdate, maxSurge, maxUnavailable, replicasOf } from "./limits.ts";
import { isActive, olderFirst, type Rollout, specReplicas } from "./rollout.ts";

/** How many replicas each ReplicaSet shall have, by name. Those that are not named keep theirs. */
export type Sizes = ReadonlyMap<string, number>;

/** How many replicas the current ReplicaSet may have now: as many as wanted, as far as the surge allows. */
export function currentSize({ deployment, all, current }: Rollout): number {
  const wanted = replicasOf(deployment);
  const size = current === undefined ? 0 : replicasOf(current);
  if (size > wanted) return wanted;
  if (!isRollingUpdate(deployment)) return wanted;
  const room = wanted + maxSurge(deployment) - specReplicas(all);
  return room <= 0 ? size : size + Math.min(room, wanted - size);
}

/**
 * Takes from the old ReplicaSets what can go. First pods that are not available, which costs nothing; then available ones, as long as
 * enough remain. Pods of the current ReplicaSet that are not available yet count as missing: they must not push out working ones.
 */
export function shrinkOld({ deployment, current, old, all }: Rollout): Sizes {
  const active = old.filter(isActive);
  const minAvailable = replicasOf(deployment) - maxUnavailable(deployment);
  const notYetAvailable = current === undefined ? 0 : replicasOf(current) - availableOf(current);
  const most = specReplicas(all) - minAvailable - notYetAvailable;
  if (active.length === 0 || most <= 0) return new Map();
  const cleaned = dropUnhealthy(active, most);
  const spare = all.map(availableOf).reduce((total, available) => total + available, 0) - minAvailable;
  return new Map([...cleaned, ...dropAvailable(active, cleaned, spare)]);
}

/** All old ReplicaSets at nothing. */
export function removeOld({ old }: Rollout): Sizes {
  return new Map(old.filter(isActive).map(({ metadata }) => [metadata.name, 0]));
}

/**
 * Brings the ReplicaSets to a changed number of replicas, without rolling on: one alone gets them all; several, in the middle of a
 * rollout, grow and shrink in proportion, so that the risk stays spread as it was (upstream: DeploymentController.scale).
 */
export function rescale(rollout: Rollout): Sizes {
  const { deployment, current, old, all } = rollout;
  const active = all.filter(isActive);
  const only = active.length <= 1 ? (active[0] ?? current ?? old.at(-1)) : undefined;
  if (only !== undefined) return new Map([[only.metadata.name, replicasOf(deployment)]]);
  if (current !== undefined && isSaturated(rollout, current)) return removeOld(rollout);
  if (isRollingUpdate(deployment)) return proportional(rollout, active);
  // Recreate is about to empty the old ones; until then they only learn the number that is wanted now.
  return new Map(active.map((replicaSet) => [replicaSet.metadata.name, replicasOf(replicaSet)]));
}

function dropUnhealthy(active: readonly Stored<ReplicaSet>[], most: number): Sizes {
  const sizes = new Map<string, number>();
  let left = most;
  for (const replicaSet of active) {
    const size = replicasOf(replicaSet);
    const unhealthy = size - availableOf(replicaSet);
    const dropped = Math.max(0, Math.min(left, unhealthy));
    if (dropped > 0) sizes.set(replicaSet.metadata.name, size - dropped);
    left -= dropped;
  }
  return sizes;
}

function dropAvailable(active: readonly Stored<ReplicaSet>[], cleaned: Sizes, spare: number): Sizes {
  const sizes = new Map<string, number>();
  let left = spare;
  for (const replicaSet of active) {
    const size = cleaned.get(replicaSet.metadata.name) ?? replicasOf(replicaSet);
    const dropped = Math.max(0, Math.min(left, size));
    if (dropped > 0) sizes.set(replicaSet.metadata.name, size - dropped);
    left -= dropped;
  }
  return sizes;
}

/** Right after it shrank, a status still counts pods that are as good as gone. */
function availableOf(replicaSet: ReplicaSet): number {
  return Math.min(replicasOf(replicaSet), replicaSet.status?.availableReplicas ?? 0);
}

function isSaturated({ deployment }: Rollout, current: ReplicaSet): boolean {
  const wanted = replicasOf(deployment);
  return (
    replicasOf(current) === wanted && desiredReplicasOf(current) === wanted && (current.status?.availableReplicas ?? 0) === wanted
  );
}

function proportional(rollout: Rollout, active: readonly Stored<ReplicaSet>[]): Sizes {
  const wanted = replicasOf(rollout.deployment);
  const allowed = wanted === 0 ? 0 : wanted + maxSurge(rollout.deployment);
  const toAdd = allowed - specReplicas(active);
  const ordered = active.toSorted((left, right) => {
    const bySize = replicasOf(right) - replicasOf(left);
    if (bySize !== 0) return bySize;
    return toAdd > 0 ? olderFirst(right, left) : olderFirst(left, right);
  });
  let added = 0;
  const sizes = new Map<string, number>();
  for (const replicaSet of ordered) {
    const share = toAdd === 0 ? 0 : shareOf(rollout, replicaSet, toAdd, toAdd - added);
    sizes.set(replicaSet.metadata.name, replicasOf(replicaSet) + share);
    added += share;
  }
  // Rounding leaves a rest, which the largest takes.
  const [largest] = ordered;
  if (largest === undefined) return sizes;
  const { name } = largest.metadata;
  return sizes.set(name, Math.max(0, (sizes.get(name) ?? 0) + toAdd - added));
}

function shareOf(rollout: Rollout, replicaSet: ReplicaSet, toAdd: number, left: number): number {
  if (left === 0) return 0;
  const fraction = fractionOf(rollout, replicaSet);
  return toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

/** By how much it would grow, were it to keep its part of the whole. */
function fractionOf({ deployment }: Rollout, replicaSet: ReplicaSet): number {
  const [wanted, size] = [replicasOf(deployment), replicasOf(replicaSet)];
  if (wanted === 0) return -size;
  const annotated = maxReplicasOf(replicaSet) ?? 0;
  const before = annotated === 0 ? (deployment.status?.replicas ?? 0) : annotated;
  if (before === 0) return 0;
  return Math.round((size * (wanted + maxSurge(deployment))) / before) - size;
}

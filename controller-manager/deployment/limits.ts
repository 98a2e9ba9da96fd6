import type { Deployment } from "#api/generated/types";
import { scaledValue } from "#api/int-or-string";

const never = 2 ** 31 - 1;

export function replicasOf(object: { readonly spec?: { readonly replicas?: number } }): number {
  return object.spec?.replicas ?? 1;
}

export function isRollingUpdate({ spec }: Deployment): boolean {
  return (spec?.strategy?.type ?? "RollingUpdate") === "RollingUpdate";
}

/** How many pods there may be above the wanted number. */
export function maxSurge(deployment: Deployment): number {
  return isRollingUpdate(deployment) ? fenceposts(deployment).surge : 0;
}

/** How many of the wanted pods may be missing. */
export function maxUnavailable(deployment: Deployment): number {
  const replicas = replicasOf(deployment);
  return isRollingUpdate(deployment) ? Math.min(fenceposts(deployment).unavailable, replicas) : 0;
}

/** In milliseconds; undefined when slowness is no failure. */
export function progressDeadline({ spec }: Deployment): number | undefined {
  const seconds = spec?.progressDeadlineSeconds ?? never;
  return seconds === never ? undefined : seconds * 1000;
}

/** How many old ReplicaSets to keep for rollbacks; undefined: all. */
export function historyLimit({ spec }: Deployment): number | undefined {
  const limit = spec?.revisionHistoryLimit ?? never;
  return limit === never ? undefined : limit;
}

/** Percentages may both round to nothing; then one pod may be missing, or the rollout could never move. */
function fenceposts(deployment: Deployment): { surge: number; unavailable: number } {
  const { maxSurge: surgeOf = 0, maxUnavailable: unavailableOf = 0 } = deployment.spec?.strategy?.rollingUpdate ?? {};
  const replicas = replicasOf(deployment);
  const surge = scaledValue(surgeOf, replicas, "up");
  const unavailable = scaledValue(unavailableOf, replicas, "down");
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

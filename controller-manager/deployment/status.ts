import type { Deployment, DeploymentStatus } from "#api/generated/types";
import { replicasOf } from "./limits.ts";
import { type Rollout, specReplicas, statusSum } from "./rollout.ts";

/** The counts, without the conditions. Those that are zero are left out, as upstream's encoding does. */
export function countStatus({ deployment, current, all }: Rollout, collisionCount: number): DeploymentStatus {
  const available = statusSum(all, "availableReplicas");
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: statusSum(all, "replicas"),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: statusSum(all, "readyReplicas"),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, specReplicas(all) - available),
    collisionCount,
  };
  const present = Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
  // As long as one of them does not say, nobody knows.
  const isKnown = all.every(({ status }) => status?.terminatingReplicas !== undefined);
  return { ...present, ...(isKnown && { terminatingReplicas: statusSum(all, "terminatingReplicas") }) };
}

/** Everything is as the spec wants it, and only so. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** More of the new, fewer of the old, or more that work. */
export function hasProgressed(old: DeploymentStatus, next: DeploymentStatus): boolean {
  const outdated = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) => replicas - updatedReplicas;
  return (
    (next.updatedReplicas ?? 0) > (old.updatedReplicas ?? 0) ||
    outdated(next) < outdated(old) ||
    (next.readyReplicas ?? 0) > (old.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (old.availableReplicas ?? 0)
  );
}

import { timestamp } from "#base/clock";
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "#api/generated/types";
import { maxUnavailable, progressDeadline, replicasOf } from "./limits.ts";
import type { Rollout } from "./rollout.ts";
import { hasProgressed, isComplete } from "./status.ts";

export type Conditions = readonly DeploymentCondition[];

interface Claim {
  readonly type: "Available" | "Progressing" | "ReplicaFailure";
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

function conditionOf(conditions: Conditions | undefined, type: Claim["type"]): DeploymentCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Keeps a condition that says so already, and the transition time of one whose status stays. */
function setCondition(conditions: Conditions, claim: Claim, now: number): Conditions {
  const current = conditionOf(conditions, claim.type);
  if (current?.status === claim.status && current.reason === claim.reason) return conditions;
  const lastUpdateTime = timestamp(now);
  const lastTransitionTime = current?.status === claim.status ? (current.lastTransitionTime ?? lastUpdateTime) : lastUpdateTime;
  return [...without(conditions, claim.type), { ...claim, lastUpdateTime, lastTransitionTime }];
}

export function without(conditions: Conditions, type: Claim["type"]): Conditions {
  return conditions.filter((condition) => condition.type !== type);
}

export function withAvailability(
  conditions: Conditions,
  deployment: Deployment,
  counts: DeploymentStatus,
  now: number,
): Conditions {
  const enough = (counts.availableReplicas ?? 0) >= replicasOf(deployment) - maxUnavailable(deployment);
  const claim: Claim = enough
    ? { type: "Available", status: "True", reason: "MinimumReplicasAvailable", message: "Deployment has minimum availability." }
    : {
        type: "Available",
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
  return setCondition(conditions, claim, now);
}

/** Time spent paused is not held against a rollout. A failure that was reported already stays reported. */
export function withPause(conditions: Conditions, deployment: Deployment, now: number): Conditions {
  const reason = conditionOf(conditions, "Progressing")?.reason;
  if (progressDeadline(deployment) === undefined || reason === "ProgressDeadlineExceeded") return conditions;
  const paused = deployment.spec?.paused === true;
  if (paused) return setCondition(conditions, progressing("Unknown", "DeploymentPaused", "Deployment is paused"), now);
  if (reason !== "DeploymentPaused") return conditions;
  return setCondition(conditions, progressing("Unknown", "DeploymentResumed", "Deployment is resumed"), now);
}

export function withNewReplicaSet(conditions: Conditions, deployment: Deployment, name: string, now: number): Conditions {
  if (progressDeadline(deployment) === undefined) return conditions;
  return setCondition(conditions, progressing("True", "NewReplicaSetCreated", `Created new replica set "${name}"`), now);
}

export function withCreateError(conditions: Conditions, deployment: Deployment, message: string, now: number): Conditions {
  if (progressDeadline(deployment) === undefined) return conditions;
  return setCondition(conditions, progressing("False", "ReplicaSetCreateError", message), now);
}

/** For a rollout that began before anybody looked at its progress. */
export function withFoundReplicaSet(conditions: Conditions, { deployment, current }: Rollout, now: number): Conditions {
  if (current === undefined || progressDeadline(deployment) === undefined) return conditions;
  if (conditionOf(conditions, "Progressing") !== undefined) return conditions;
  const message = `Found new replica set "${current.metadata.name}"`;
  return setCondition(conditions, progressing("True", "FoundNewReplicaSet", message), now);
}

/** Complete, moving, or stuck (upstream: syncRolloutStatus). A rollout that was complete stays so until its template changes. */
export function withProgress(conditions: Conditions, rollout: Rollout, counts: DeploymentStatus, now: number): Conditions {
  const { deployment, current } = rollout;
  if (progressDeadline(deployment) === undefined) return without(conditions, "Progressing");
  const known = conditionOf(conditions, "Progressing");
  if ((counts.replicas ?? 0) === (counts.updatedReplicas ?? 0) && known?.reason === "NewReplicaSetAvailable") return conditions;
  const subject = current === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${current.metadata.name}"`;
  if (isComplete(deployment, counts)) {
    const message = `${subject} has successfully progressed.`;
    return setCondition(conditions, progressing("True", "NewReplicaSetAvailable", message), now);
  }
  if (hasProgressed(deployment.status ?? {}, counts)) return moved(conditions, `${subject} is progressing.`, now);
  if (!hasTimedOut(conditions, deployment, now)) return conditions;
  const message = `${subject} has timed out progressing.`;
  return setCondition(conditions, progressing("False", "ProgressDeadlineExceeded", message), now);
}

/** What keeps pods from being made or deleted; the current ReplicaSet's word counts most. */
export function withReplicaFailure(conditions: Conditions, { current, all }: Rollout, now: number): Conditions {
  const found = [...(current === undefined ? [] : [current]), ...all].map(failureOf).find((failure) => failure !== undefined);
  if (found === undefined) return without(conditions, "ReplicaFailure");
  const { status, reason = "", message = "", lastTransitionTime } = found;
  const since = lastTransitionTime === undefined ? now : Date.parse(lastTransitionTime);
  return setCondition(conditions, { type: "ReplicaFailure", status: status as Claim["status"], reason, message }, since);
}

/** Milliseconds until the lack of progress becomes a failure, if it may: not of what is paused, and not of what was complete before. */
export function untilDeadline(deployment: Deployment, counts: DeploymentStatus, now: number): number | undefined {
  const condition = conditionOf(deployment.status?.conditions, "Progressing");
  const deadline = progressDeadline(deployment);
  if (deadline === undefined || condition?.lastUpdateTime === undefined) return undefined;
  if (isComplete(deployment, counts) || deployment.spec?.paused === true) return undefined;
  if (condition.reason === "ProgressDeadlineExceeded" || condition.reason === "NewReplicaSetAvailable") return undefined;
  // Conditions tell whole seconds only.
  return Math.max(0, Date.parse(condition.lastUpdateTime) + deadline - now) + 1000;
}

function progressing(status: Claim["status"], reason: string, message: string): Claim {
  return { type: "Progressing", status, reason, message };
}

/** Unlike others this condition is renewed when it says the same again: its update time is when the rollout last moved. */
function moved(conditions: Conditions, message: string, now: number): Conditions {
  const current = conditionOf(conditions, "Progressing");
  const lastUpdateTime = timestamp(now);
  const lastTransitionTime = current?.status === "True" ? (current.lastTransitionTime ?? lastUpdateTime) : lastUpdateTime;
  const claim = progressing("True", "ReplicaSetUpdated", message);
  return [...without(conditions, "Progressing"), { ...claim, lastUpdateTime, lastTransitionTime }];
}

/** By the conditions as they are by now: a rollout that was resumed a moment ago has its whole time before it. */
function hasTimedOut(conditions: Conditions, deployment: Deployment, now: number): boolean {
  const condition = conditionOf(conditions, "Progressing");
  const deadline = progressDeadline(deployment);
  if (condition === undefined || deadline === undefined) return false;
  if (condition.reason === "ProgressDeadlineExceeded") return true;
  if (condition.reason === "NewReplicaSetAvailable") return false;
  return Date.parse(condition.lastUpdateTime ?? "") + deadline < now;
}

function failureOf({ status }: ReplicaSet) {
  return status?.conditions?.find((condition) => condition.type === "ReplicaFailure");
}

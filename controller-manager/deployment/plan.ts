import { sameJson } from "#base/same-json";
import type { Deployment, DeploymentStatus, Pod, ReplicaSet } from "#api/generated/types";
import { compileLabelSelector } from "#api/label-selector";
import { controllerOf, controllerRef, type KubeObject, type Stored } from "#api/object";
import { deployments, replicaSets } from "#api/resource-type";
import type { StatusError } from "#api/status";
import { claim, type Claims } from "../framework/claim.ts";
import {
  type Notice,
  nothingToDo,
  type Outcome,
  type Plan,
  type StatusWrite,
  type Step,
  targetOf,
  type Write,
} from "../framework/plan.ts";
import { isNamespaceTerminating } from "../framework/namespace-terminating.ts";
import { isFinished } from "../framework/pods.ts";
import { newReplicaSetAnnotations, revisionAnnotation, revisionOf, sizeAnnotations } from "./annotations.ts";
import {
  type Conditions,
  untilDeadline,
  withAvailability,
  withCreateError,
  withFoundReplicaSet,
  withNewReplicaSet,
  without,
  withPause,
  withProgress,
  withReplicaFailure,
} from "./conditions.ts";
import { historyLimit, isRollingUpdate, maxSurge, progressDeadline, replicasOf } from "./limits.ts";
import {
  type DeploymentView,
  isActive,
  isScalingEvent,
  nextRevision,
  olderFirst,
  type Rollout,
  rolloutOf,
  statusSum,
} from "./rollout.ts";
import { currentSize, removeOld, rescale, shrinkOld, type Sizes } from "./sizes.ts";
import { countStatus, isComplete } from "./status.ts";
import { hashLabel, sameTemplate, templateHash } from "./template-hash.ts";

/**
 * One pass of a Deployment. A rollout that is paused or being scaled only keeps its proportions; otherwise the current ReplicaSet grows
 * first, and only when it cannot do old ones shrink. What a pass wrote is in the view of the next one.
 */
export function planDeployment(view: DeploymentView): Plan {
  const { deployment, now } = view;
  if (selectsAll(view)) return { steps: [{ type: "announce", about: deployment, notice: selectingAll }] };
  if (deployment.metadata.deletionTimestamp !== undefined) return nothingToDo;
  const { owned, writes } = claims(view);
  if (writes.length > 0) return { steps: [{ type: "together", writes }] };
  const rollout = rolloutOf(deployment, owned);
  const steps = stepsOf(view, rollout);
  const wait = untilDeadline(deployment, countStatus(rollout, deployment.status?.collisionCount ?? 0), now);
  return { steps, ...(wait !== undefined && { requeueAfterMs: wait }) };
}

export function concludeDeployment(view: DeploymentView, outcomes: readonly Outcome[]): StatusWrite {
  const { deployment, now } = view;
  if (selectsAll(view)) return { resource: deployments, object: deployment, status: observed(deployment) };
  const rollout = rolloutOf(deployment, claims(view).owned);
  const collided = isNew(view, rollout) && view.nameTakenBy !== undefined;
  const counts = countStatus(rollout, (deployment.status?.collisionCount ?? 0) + (collided ? 1 : 0));
  const conditions = concludeConditions(rollout, counts, outcomes, now);
  const status: DeploymentStatus = { ...counts, ...(conditions.length > 0 && { conditions }) };
  return { resource: deployments, object: deployment, status };
}

/** The name that the ReplicaSet of the current template gets. */
export function newReplicaSetName({ deployment }: Pick<DeploymentView, "deployment">): string {
  return `${deployment.metadata.name}-${templateHash(deployment.spec?.template ?? {}, deployment.status?.collisionCount ?? 0)}`;
}

function stepsOf(view: DeploymentView, rollout: Rollout): readonly Step[] {
  const { deployment } = rollout;
  if (deployment.spec?.paused === true) {
    const sizes = rescale(rollout);
    return [...updates(rollout, sizes), ...recordRevision(rollout), ...cleanUp(rollout, sizes)];
  }
  if (isScalingEvent(rollout)) return [...updates(rollout, rescale(rollout)), ...recordRevision(rollout)];
  return isRollingUpdate(deployment) ? roll(view, rollout) : recreate(view, rollout);
}

function roll(view: DeploymentView, rollout: Rollout): readonly Step[] {
  const { current } = rollout;
  if (current === undefined) return create(view, rollout);
  const grown = currentSize(rollout);
  const sizes = grown === replicasOf(current) ? shrinkOld(rollout) : new Map([[current.metadata.name, grown]]);
  return finish(rollout, sizes);
}

/** Nothing new begins while anything old still runs. */
function recreate(view: DeploymentView, rollout: Rollout): readonly Step[] {
  const { current, old, deployment } = rollout;
  const removed = removeOld(rollout);
  if (removed.size > 0) return finish(rollout, removed);
  if (!old.every(isSettled) || statusSum(old, "replicas") > 0 || hasOldPods(view, current)) return finish(rollout, new Map());
  if (current === undefined) return create(view, rollout);
  return finish(rollout, new Map([[current.metadata.name, replicasOf(deployment)]]));
}

function finish(rollout: Rollout, sizes: Sizes): readonly Step[] {
  const steps = [...updates(rollout, sizes), ...recordRevision(rollout)];
  return isComplete(rollout.deployment, rollout.deployment.status ?? {}) ? [...steps, ...cleanUp(rollout, sizes)] : steps;
}

function create(view: DeploymentView, rollout: Rollout): readonly Step[] {
  // The status counts the collision first; then there is another name.
  if (view.nameTakenBy !== undefined) return [];
  const { deployment } = rollout;
  const replicas = currentSize(rollout);
  const object = newReplicaSet(view, rollout, replicas);
  const scaled = notice(`Scaled up replica set ${object.metadata.name ?? ""} from 0 to ${replicas}`);
  const announce = {
    about: deployment,
    ...(replicas > 0 && { done: () => scaled }),
    failed: (error: StatusError) =>
      isWorthAWord(error)
        ? {
            type: "Warning" as const,
            reason: "ReplicaSetCreateError",
            message: createErrorMessage({ name: object.metadata.name ?? "" }, error),
          }
        : undefined,
  };
  return [{ type: "create", resource: replicaSets, object, announce }];
}

function newReplicaSet(view: DeploymentView, rollout: Rollout, replicas: number): ReplicaSet {
  const { deployment } = rollout;
  const { template = {}, selector = {}, minReadySeconds } = deployment.spec ?? {};
  const hash = { [hashLabel]: templateHash(template, deployment.status?.collisionCount ?? 0) };
  const labels = { ...template.metadata?.labels, ...hash };
  const annotations = newReplicaSetAnnotations(deployment, {}, nextRevision(rollout));
  return {
    metadata: {
      name: newReplicaSetName(view),
      namespace: deployment.metadata.namespace ?? "",
      labels,
      annotations: { ...annotations, ...sizesNow(rollout) },
      ownerReferences: [controllerRef(deployment, "apps/v1", "Deployment")],
    },
    spec: {
      replicas,
      ...(minReadySeconds !== undefined && { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, ...hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** One write for each ReplicaSet that is not as it should be: its size, and on the current one what it takes from the Deployment. */
function updates(rollout: Rollout, sizes: Sizes): readonly Write[] {
  return rollout.all.flatMap((replicaSet) => {
    const next = updated(rollout, replicaSet, sizes.get(replicaSet.metadata.name));
    if (sameJson(next, replicaSet)) return [];
    const [from, to] = [replicasOf(replicaSet), replicasOf(next)];
    const message = `Scaled ${to > from ? "up" : "down"} replica set ${replicaSet.metadata.name} from ${from} to ${to}`;
    const announce = from === to ? {} : { announce: { about: rollout.deployment, done: () => notice(message) } };
    return [{ type: "update", resource: replicaSets, object: next, ...announce }];
  });
}

function updated(rollout: Rollout, replicaSet: Stored<ReplicaSet>, size: number | undefined): Stored<ReplicaSet> {
  const { deployment, current } = rollout;
  const before = replicaSet.metadata.annotations ?? {};
  const own = replicaSet === current ? newReplicaSetAnnotations(deployment, before, nextRevision(rollout)) : before;
  const annotations = size === undefined ? own : { ...own, ...sizesNow(rollout) };
  const { minReadySeconds: _old, ...spec } = replicaSet.spec ?? { selector: {} };
  const { minReadySeconds } = replicaSet === current ? (deployment.spec ?? {}) : (replicaSet.spec ?? {});
  return {
    ...replicaSet,
    metadata: { ...replicaSet.metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: {
      ...spec,
      ...(minReadySeconds !== undefined && { minReadySeconds }),
      ...(size !== undefined && { replicas: size }),
    },
  };
}

function sizesNow({ deployment }: Rollout): Readonly<Record<string, string>> {
  return sizeAnnotations(replicasOf(deployment), replicasOf(deployment) + maxSurge(deployment));
}

/**
 * The Deployment shows the revision of its current ReplicaSet. Written with the status, because otherwise a change of its
 * annotations counts as one that its user made.
 */
function recordRevision(rollout: Rollout): readonly Write[] {
  const { deployment, current } = rollout;
  if (current === undefined) return [];
  const revision = Math.max(revisionOf(current), nextRevision(rollout));
  if (revisionOf(deployment) === revision) return [];
  const patch = { metadata: { annotations: { [revisionAnnotation]: `${revision}` } } };
  return [{ type: "patch", resource: deployments, target: deployment, subresource: "status", patch: { type: "merge", patch } }];
}

/** Old ReplicaSets beyond the limit go, the oldest revisions first, once nothing runs in them any more. */
function cleanUp({ deployment, old }: Rollout, sizes: Sizes): readonly Write[] {
  const limit = historyLimit(deployment);
  if (limit === undefined) return [];
  const kept = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const surplus = kept
    .toSorted((left, right) => revisionOf(left) - revisionOf(right) || olderFirst(left, right))
    .slice(0, Math.max(0, kept.length - limit));
  const idle = surplus.filter((replicaSet) => isIdle(replicaSet) && (sizes.get(replicaSet.metadata.name) ?? 0) === 0);
  return idle.map((target) => ({ type: "delete", resource: replicaSets, target }));
}

function isIdle(replicaSet: ReplicaSet): boolean {
  return (replicaSet.status?.replicas ?? 0) === 0 && !isActive(replicaSet) && isSettled(replicaSet);
}

/** Its controller knows how many replicas it is to have: a pass that still made pods for an older number has ended. */
function isSettled({ status, metadata }: ReplicaSet): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

function hasOldPods({ pods }: DeploymentView, current: Stored<ReplicaSet> | undefined): boolean {
  return [...pods].some(([owner, owned]) => owner !== current?.metadata.uid && owned.some((pod: Pod) => !isFinished(pod)));
}

function claims(view: DeploymentView): Claims<ReplicaSet> {
  const { deployment, candidates, canAdopt } = view;
  const selector = compileLabelSelector(deployment.spec?.selector);
  return claim({ owner: deployment, ownerType: deployments, selector, candidates, childType: replicaSets, canAdopt });
}

/** A ReplicaSet with our name that is not ours, or not of this template. */
function isNew({ nameTakenBy }: DeploymentView, { deployment, current }: Rollout): boolean {
  if (current !== undefined || nameTakenBy === undefined) return false;
  const ours = controllerOf(nameTakenBy)?.uid === deployment.metadata.uid;
  return !(ours && sameTemplate(nameTakenBy.spec?.template ?? {}, deployment.spec?.template ?? {}));
}

/** While paused or scaled no progress is estimated, and none is expected. */
function concludeConditions(rollout: Rollout, counts: DeploymentStatus, outcomes: readonly Outcome[], now: number): Conditions {
  const { deployment } = rollout;
  const known = deployment.status?.conditions ?? [];
  if (deployment.metadata.deletionTimestamp !== undefined) {
    return withAvailability(withFoundReplicaSet(known, rollout, now), deployment, counts, now);
  }
  const available = withAvailability(withPause(known, deployment, now), deployment, counts, now);
  if (deployment.spec?.paused === true || isScalingEvent(rollout)) return withFoundReplicaSet(available, rollout, now);
  const created = withCreation(available, deployment, outcomes, now);
  const found = withFoundReplicaSet(created, rollout, now);
  // What was made just now has had no time to progress.
  const progressed = created === available ? withProgress(found, rollout, counts, now) : found;
  const kept = progressDeadline(deployment) === undefined ? without(progressed, "Progressing") : progressed;
  return withReplicaFailure(kept, rollout, now);
}

function withCreation(conditions: Conditions, deployment: KubeObject, outcomes: readonly Outcome[], now: number): Conditions {
  const creation = outcomes.find(({ write }) => write.type === "create");
  if (creation?.type === "done") return withNewReplicaSet(conditions, deployment, creation.object?.metadata.name ?? "", now);
  if (creation?.type === "failed" && isWorthAWord(creation.error)) {
    const message = createErrorMessage(targetOf(creation.write), creation.error);
    return withCreateError(conditions, deployment, message, now);
  }
  return conditions;
}

/** A name that is taken leads to another one; in a namespace that is going nothing is missed. */
function isWorthAWord(error: StatusError): boolean {
  return error.reason !== "AlreadyExists" && !isNamespaceTerminating(error);
}

function createErrorMessage(replicaSet: { readonly name: string }, error: StatusError): string {
  return `Failed to create new replica set "${replicaSet.name}": ${error.message}`;
}

/** What stands for all pods of the namespace would take those of others. Validation refuses it; nothing is done with one that is there. */
function selectsAll({ deployment }: DeploymentView): boolean {
  const { matchLabels = {}, matchExpressions = [] } = deployment.spec?.selector ?? { matchLabels: { none: "" } };
  return Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;
}

const selectingAll: Notice = {
  type: "Warning",
  reason: "SelectingAll",
  message: "This deployment is selecting all pods. A non-empty selector is required.",
};

function observed({ status, metadata }: Stored<Deployment>): DeploymentStatus {
  return { ...status, observedGeneration: metadata.generation ?? 0 };
}

function notice(message: string) {
  return { type: "Normal" as const, reason: "ScalingReplicaSet", message };
}

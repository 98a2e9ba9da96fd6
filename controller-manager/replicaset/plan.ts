import type { Pod, ReplicaSet } from "#api/generated/types";
import { compileLabelSelector } from "#api/label-selector";
import { controllerOf, controllerRef, type KubeObject, type Stored } from "#api/object";
import { pods as podType, replicaSets } from "#api/resource-type";
import type { StatusError } from "#api/status";
import { claim } from "../framework/claim.ts";
import { isNamespaceTerminating } from "../framework/namespace-terminating.ts";
import { failures, nothingToDo, type Outcome, type Plan, type StatusWrite, type Write } from "../framework/plan.ts";
import { availableIn, isActive, isReady } from "../framework/pods.ts";
import { isTerminating, replicaSetStatus } from "./status.ts";
import { chooseVictims } from "./victims.ts";

export interface ReplicaSetView {
  readonly replicaSet: Stored<ReplicaSet>;
  /** In its namespace: those that it controls, and those that nobody does. */
  readonly candidates: readonly Stored<Pod>[];
  /** Of all ReplicaSets that have the same controller as this one: they are spread over nodes together. */
  readonly related: readonly Stored<Pod>[];
  readonly canAdopt: boolean;
  readonly now: number;
}

/** Bounds one pass, so that a mistake in a spec cannot flood the API server. */
const burst = 500;

export function planReplicaSet(view: ReplicaSetView): Plan {
  const { replicaSet } = view;
  if (replicaSet.metadata.deletionTimestamp !== undefined) return nothingToDo;
  const { owned: active, writes } = claims(view);
  if (writes.length > 0) return { steps: [{ type: "together", writes }] };
  const missing = (replicaSet.spec?.replicas ?? 1) - active.length;
  if (missing > 0) return { steps: [{ type: "slowStart", writes: creations(replicaSet, Math.min(missing, burst)) }] };
  if (missing < 0) return { steps: [{ type: "together", writes: deletions(view, active, Math.min(-missing, burst)) }] };
  return { steps: [], ...nextAvailability(view, active) };
}

export function concludeReplicaSet(view: ReplicaSetView, outcomes: readonly Outcome[]): StatusWrite {
  const { replicaSet, now } = view;
  const { owned: active, terminating } = claims(view);
  const failure = failureOf(outcomes);
  const status = replicaSetStatus({ replicaSet, active, terminating, now, ...(failure && { failure }) });
  return { resource: replicaSets, object: replicaSet, status };
}

/** Who has ended, or is about to, is neither adopted nor let go. */
function claims({ replicaSet, candidates, canAdopt }: ReplicaSetView) {
  const selector = compileLabelSelector(replicaSet.spec?.selector);
  const active = candidates.filter(isActive);
  const claimed = claim({
    owner: replicaSet,
    ownerType: replicaSets,
    selector,
    candidates: active,
    childType: podType,
    canAdopt,
  });
  const terminating = candidates.filter(
    (pod) => isTerminating(pod) && controllerOf(pod)?.uid === replicaSet.metadata.uid && selector.matches(pod.metadata.labels),
  );
  return { ...claimed, terminating: terminating.length };
}

function creations(replicaSet: Stored<ReplicaSet>, count: number): readonly Write[] {
  const announce = {
    about: replicaSet,
    done: (pod: KubeObject) => normal("SuccessfulCreate", `Created pod: ${pod.metadata.name ?? ""}`),
    failed: (error: StatusError) =>
      isNamespaceTerminating(error) ? undefined : warning("FailedCreate", `Error creating: ${error.message}`),
  };
  const write: Write = { type: "create", resource: podType, object: podFor(replicaSet), announce };
  return Array.from({ length: count }, () => write);
}

function podFor(replicaSet: Stored<ReplicaSet>): Pod {
  const { metadata: template = {}, spec } = replicaSet.spec?.template ?? {};
  const { labels, annotations, finalizers } = template;
  const metadata = {
    generateName: `${replicaSet.metadata.name}-`,
    namespace: replicaSet.metadata.namespace ?? "",
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations }),
    ...(finalizers !== undefined && { finalizers }),
    ownerReferences: [controllerRef(replicaSet, "apps/v1", "ReplicaSet")],
  };
  return { metadata, ...(spec !== undefined && { spec }) };
}

function deletions(
  { replicaSet, related, now }: ReplicaSetView,
  active: readonly Stored<Pod>[],
  count: number,
): readonly Write[] {
  return chooseVictims(active, count, related, now).map((target) => ({
    type: "delete",
    resource: podType,
    target,
    announce: {
      about: replicaSet,
      done: () => normal("SuccessfulDelete", `Deleted pod: ${target.metadata.name}`),
      failed: (error) => warning("FailedDelete", `Error deleting: ${error.message}`),
    },
  }));
}

/** Readiness that turns into availability by time alone sends no event. */
function nextAvailability({ replicaSet, now }: ReplicaSetView, active: readonly Stored<Pod>[]): { requeueAfterMs?: number } {
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0;
  const waits = active.filter(isReady).map((pod) => availableIn(pod, minReadySeconds, now));
  const next = Math.min(...waits.filter((wait) => wait > 0));
  return Number.isFinite(next) ? { requeueAfterMs: next } : {};
}

function failureOf(outcomes: readonly Outcome[]) {
  const [first] = failures(outcomes).filter(({ error }) => !isNamespaceTerminating(error));
  if (first === undefined || first.write.type === "patch") return undefined;
  return {
    reason: first.write.type === "delete" ? ("FailedDelete" as const) : ("FailedCreate" as const),
    message: first.error.message,
  };
}

function normal(reason: string, message: string) {
  return { type: "Normal" as const, reason, message };
}

function warning(reason: string, message: string) {
  return { type: "Warning" as const, reason, message };
}

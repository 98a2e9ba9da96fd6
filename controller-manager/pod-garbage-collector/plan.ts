import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { pods as podType } from "#api/resource-type";
import { disrupted } from "../framework/disruption-target.ts";
import { nothingToDo, type Plan } from "../framework/plan.ts";
import { isFinished } from "../framework/pods.ts";

export interface PodGarbageView {
  readonly pod: Stored<Pod>;
  readonly node:
    /** Out of service: it is not ready, and somebody says that it will not be. */
    | { readonly type: "there"; readonly isOutOfService: boolean }
    /** As seen here, for so long. */
    | { readonly type: "gone"; readonly forMs: number }
    /** The pod has none. */
    | { readonly type: "none" };
  /** It is among the oldest of more finished pods than are kept. */
  readonly isSurplus: boolean;
  readonly now: number;
}

/** A node that is only replaced comes back within that time (upstream: quarantineTime of pkg/controller/podgc). */
const quarantineMs = 40_000;

/** Removes pods that nobody will ever end: of nodes that are no more, never placed, or finished and too many. */
export function planPodGarbage({ pod, node, isSurplus, now }: PodGarbageView): Plan {
  if (node.type === "gone" && node.forMs < quarantineMs) return { steps: [], requeueAfterMs: quarantineMs - node.forMs };
  const isTerminating = pod.metadata.deletionTimestamp !== undefined;
  if (node.type === "gone") {
    const why = { reason: "DeletionByPodGC", message: "PodGC: node no longer exists" };
    return removal(pod, isFinished(pod) ? pod : (disrupted(pod, why, now) ?? pod));
  }
  const isAbandoned = node.type === "none" || node.isOutOfService;
  return (isAbandoned && isTerminating) || isSurplus ? removal(pod, pod) : nothingToDo;
}

/** What had not ended is said to have failed, before it goes: there may be nobody else to say so. */
function removal(pod: Stored<Pod>, marked: Stored<Pod>): Plan {
  const remove = { type: "delete", resource: podType, target: pod, gracePeriodSeconds: 0 } as const;
  if (isFinished(pod)) return { steps: [remove] };
  const failed: Stored<Pod> = { ...marked, status: { ...marked.status, phase: "Failed" } };
  return { steps: [{ type: "update", resource: podType, object: failed, subresource: "status" }, remove] };
}

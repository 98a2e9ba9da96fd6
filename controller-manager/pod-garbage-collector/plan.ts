import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { pods as podType } from "#api/resource-type";
import { disrupted } from "../framework/disruption-target.ts";
import { nothingToDo, type Plan } from "../framework/plan.ts";
import { isFinished } from "../framework/pods.ts";

export interface PodGarbageView {
  readonly pod: Stored<Pod>;
  readonly node:
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
    return removal(pod, now, { reason: "DeletionByPodGC", message: "PodGC: node no longer exists" });
  }
  if (node.type === "there" && node.isOutOfService && isTerminating) {
    return removal(pod, now, { reason: "DeletionByPodGC", message: "PodGC: node is out of service" });
  }
  if ((node.type === "none" && isTerminating) || isSurplus) return removal(pod, now, undefined);
  return nothingToDo;
}

/** What had not ended is said to have failed, before it goes. */
function removal(pod: Stored<Pod>, now: number, why: { readonly reason: string; readonly message: string } | undefined): Plan {
  const marked = why === undefined || isFinished(pod) ? undefined : (disrupted(pod, why, now) ?? pod);
  const remove = { type: "delete", resource: podType, target: pod, gracePeriodSeconds: 0 } as const;
  if (marked === undefined) return { steps: [remove] };
  const failed: Stored<Pod> = { ...marked, status: { ...marked.status, phase: "Failed" } };
  return { steps: [{ type: "update", resource: podType, object: failed, subresource: "status" }, remove] };
}

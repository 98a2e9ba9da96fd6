import type { Node, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { pods as podType } from "#api/resource-type";
import { bearsSeconds } from "#api/tolerations";
import { disrupted } from "../framework/disruption-target.ts";
import { nothingToDo, type Plan } from "../framework/plan.ts";
import { isFinished } from "../framework/pods.ts";

export interface TaintEvictionView {
  readonly pod: Stored<Pod>;
  /** How long it bears the taints that its node has now. */
  readonly bearsMs: number;
  /** How long it has borne taints that it does not bear for ever; which ones may have changed meanwhile. */
  readonly taintedMs: number;
  readonly now: number;
}

/** How long a pod bears its node's NoExecute taints; Infinity for ever. */
export function bearsMsOf(pod: Pod, node: Node): number {
  const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === "NoExecute");
  return bearsSeconds(pod.spec?.tolerations ?? [], taints) * 1000;
}

/** Deletes a pod that does not bear its node's NoExecute taints, or not for so long (upstream: pkg/controller/tainteviction). */
export function planTaintEviction({ pod, bearsMs, taintedMs, now }: TaintEvictionView): Plan {
  if (pod.metadata.deletionTimestamp !== undefined || isFinished(pod)) return nothingToDo;
  const notice = (what: string) =>
    ({
      type: "Normal",
      reason: "TaintManagerEviction",
      message: `${what} Pod ${pod.metadata.namespace ?? ""}/${pod.metadata.name}`,
    }) as const;
  if (bearsMs === Infinity) return { steps: [{ type: "announce", about: pod, notice: notice("Cancelling deletion of") }] };
  if (bearsMs > taintedMs) return { steps: [], requeueAfterMs: bearsMs - taintedMs };
  const done = () => notice("Marking for deletion");
  const why = { reason: "DeletionByTaintManager", message: "Taint manager: deleting due to NoExecute taint" };
  const marked = disrupted(pod, why, now);
  return {
    steps: [
      ...(marked === undefined ? [] : [{ type: "update", resource: podType, object: marked, subresource: "status" } as const]),
      { type: "delete", resource: podType, target: pod, announce: { about: pod, done } },
    ],
  };
}

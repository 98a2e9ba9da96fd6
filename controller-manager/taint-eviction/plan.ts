import type { Node, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { pods as podType } from "#api/resource-type";
import { bearsSeconds } from "#api/tolerations";
import { disrupted } from "../framework/disruption-target.ts";
import { nothingToDo, type Plan } from "../framework/plan.ts";
import { isFinished } from "../framework/pods.ts";

export interface TaintEvictionView {
  readonly pod: Stored<Pod>;
  readonly node: Stored<Node>;
  /** How long the node has had taints that drive pods away. */
  readonly taintedMs: number;
  readonly now: number;
}

/** Deletes a pod that does not bear its node's NoExecute taints, or not for so long (upstream: pkg/controller/tainteviction). */
export function planTaintEviction({ pod, node, taintedMs, now }: TaintEvictionView): Plan {
  if (pod.metadata.deletionTimestamp !== undefined || isFinished(pod)) return nothingToDo;
  const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === "NoExecute");
  const bearsMs = bearsSeconds(pod.spec?.tolerations ?? [], taints) * 1000;
  if (bearsMs === Infinity) return nothingToDo;
  if (bearsMs > taintedMs) return { steps: [], requeueAfterMs: bearsMs - taintedMs };
  const message = `Marking for deletion Pod ${pod.metadata.namespace ?? ""}/${pod.metadata.name}`;
  const done = () => ({ type: "Normal", reason: "TaintManagerEviction", message }) as const;
  const why = { reason: "DeletionByTaintManager", message: "Taint manager: deleting due to NoExecute taint" };
  const marked = disrupted(pod, why, now);
  return {
    steps: [
      ...(marked === undefined ? [] : [{ type: "update", resource: podType, object: marked, subresource: "status" } as const]),
      { type: "delete", resource: podType, target: pod, announce: { about: pod, done } },
    ],
  };
}

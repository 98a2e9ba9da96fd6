import type { Node, Toleration } from "#api/generated/types";
import { tolerates } from "#api/tolerations";
import { nodeOffered } from "../cluster-event.ts";
import { proportionally, type SchedulerPlugin } from "../plugin.ts";

/** Keeps pods off nodes with taints that they do not tolerate, and prefers nodes with fewer that only ask to be avoided. */
export const taintToleration: SchedulerPlugin = {
  name: "TaintToleration",
  weight: 3,
  wakes: ({ pod }, event) => {
    const node = nodeOffered(event);
    return node !== undefined && toleratesHardTaints(pod.spec?.tolerations ?? [], node);
  },
  prepare: ({ pod }) => {
    const tolerations = pod.spec?.tolerations ?? [];
    const soft = tolerations.filter(({ effect = "" }) => effect === "" || effect === "PreferNoSchedule");
    return {
      filter: ({ node }) =>
        toleratesHardTaints(tolerations, node)
          ? undefined
          : { reasons: ["node(s) had untolerated taint(s)"], resolvableByPreemption: false },
      scoring: () => ({
        score: ({ node }) =>
          (node.spec?.taints ?? []).filter((taint) => taint.effect === "PreferNoSchedule" && !tolerates(soft, taint)).length,
        normalize: (scores) => proportionally(scores, { reverse: true }),
      }),
    };
  },
};

/** Whether no taint keeps the pod off the node; those that only ask to be avoided do not. */
export function toleratesHardTaints(tolerations: readonly Toleration[], { spec }: Node): boolean {
  const hard = (spec?.taints ?? []).filter(({ effect }) => effect === "NoSchedule" || effect === "NoExecute");
  return hard.every((taint) => tolerates(tolerations, taint));
}

import { proportionally, type SchedulerPlugin } from "../plugin.ts";
import { tolerates } from "#api/tolerations";

/** Keeps pods off nodes with taints that they do not tolerate, and prefers nodes with fewer that only ask to be avoided. */
export const taintToleration: SchedulerPlugin = {
  name: "TaintToleration",
  weight: 3,
  wakesOn: ["nodeAdded", "nodeUpdated"],
  prepare: ({ spec }) => {
    const tolerations = spec?.tolerations ?? [];
    const soft = tolerations.filter(({ effect = "" }) => effect === "" || effect === "PreferNoSchedule");
    return {
      filter: ({ node }) => {
        const forbids = (node.spec?.taints ?? []).some(
          (taint) => (taint.effect === "NoSchedule" || taint.effect === "NoExecute") && !tolerates(tolerations, taint),
        );
        return forbids ? { reasons: ["node(s) had untolerated taint(s)"], resolvableByPreemption: false } : undefined;
      },
      score: ({ node }) =>
        (node.spec?.taints ?? []).filter((taint) => taint.effect === "PreferNoSchedule" && !tolerates(soft, taint)).length,
      normalize: (scores) => proportionally(scores, { reverse: true }),
    };
  },
};

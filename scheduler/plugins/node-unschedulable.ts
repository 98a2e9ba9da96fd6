import { tolerates } from "#api/tolerations";
import { nodeOffered } from "../cluster-event.ts";
import type { SchedulerPlugin } from "../plugin.ts";

const taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

/** Keeps pods off cordoned nodes, unless they tolerate the taint that goes with it. */
export const nodeUnschedulable: SchedulerPlugin = {
  name: "NodeUnschedulable",
  wakes: (_pod, event) => {
    const node = nodeOffered(event);
    return node !== undefined && node.spec?.unschedulable !== true;
  },
  prepare: ({ pod }) => {
    if (tolerates(pod.spec?.tolerations ?? [], taint)) return undefined;
    return {
      filter: ({ node }) =>
        node.spec?.unschedulable === true
          ? { reasons: ["node(s) were unschedulable"], resolvableByPreemption: false }
          : undefined,
    };
  },
};

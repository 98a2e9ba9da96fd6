import { nodes } from "#api/resource-type";
import { ownRequests } from "../framework/owner-requests.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import type { SharedInformers } from "../framework/shared-informers.ts";
import { planNode, type NodeView } from "./plan.ts";

/** Looks after what the cluster makes of its nodes' health. */
export function nodeLifecycleReconciler(informers: SharedInformers): Reconciler<NodeView> {
  const informer = informers.of(nodes);
  return {
    name: "node-controller",
    requests: ownRequests(informer),
    observe: async (key) => {
      const node = informer.get(key);
      return node === undefined ? undefined : { node };
    },
    plan: planNode,
  };
}

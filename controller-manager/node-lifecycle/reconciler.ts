import { keyOf } from "#api/object";
import { leases, nodes, pods } from "#api/resource-type";
import type { Clock } from "#base/clock";
import { filter, from, merge, mergeMap } from "rxjs";
import { deletions, ownRequests } from "../framework/owner-requests.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import { nodeIndex, type SharedInformers } from "../framework/shared-informers.ts";
import { DisruptionBudget } from "./disruption.ts";
import { DoubtedPods } from "./doubted-pods.ts";
import { Heartbeats } from "./heartbeats.ts";
import { readiness } from "./readiness.ts";
import { planNode, type NodeView } from "./plan.ts";

/** Looks after what the cluster makes of its nodes' health. */
export function nodeLifecycleReconciler(informers: SharedInformers, clock: Clock): Reconciler<NodeView> {
  const [informer, onNodes] = [informers.of(nodes), informers.of(pods)];
  const heartbeats = new Heartbeats(informers.of(leases), informer, clock);
  const budget = new DisruptionBudget(clock);
  const doubted = new DoubtedPods(informer, onNodes);
  deletions(informer).subscribe(({ metadata }) => budget.forget(metadata.name));
  // How much is lost decides about each node that is not well.
  const whatEverybodysHealthConcerns = informer.changes.pipe(
    filter((change) => change.type !== "updated" || readiness(change.object) !== readiness(change.old)),
    mergeMap(() =>
      from(
        informer
          .list()
          .filter((node) => readiness(node) !== "ready")
          .map(keyOf),
      ),
    ),
  );
  return {
    name: "node-controller",
    requests: merge(ownRequests(informer), whatEverybodysHealthConcerns),
    observe: async (key) => {
      const node = informer.get(key);
      if (node === undefined) return undefined;
      return {
        node,
        pods: onNodes.byIndex(nodeIndex, key.name),
        doubted: doubted.of(key.name),
        silentMs: heartbeats.silence(key.name),
        eviction: budget.eviction(node, informer.list()),
        now: clock.now(),
      };
    },
    plan: planNode,
  };
}

import type { Clock } from "#base/clock";
import type { Pod, ReplicaSet } from "#api/generated/types";
import { controllerOf, type ObjectKey, type Stored } from "#api/object";
import { pods, replicaSets } from "#api/resource-type";
import type { ApiReader } from "#client/api-client";
import { merge } from "rxjs";
import { hasOrphans } from "../framework/claim.ts";
import { isAlive } from "../framework/is-alive.ts";
import { ownerRequests, selectorOf, specRequests, statusRequests } from "../framework/owner-requests.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import { controllerIndex, type SharedInformers } from "../framework/shared-informers.ts";
import { concludeReplicaSet, planReplicaSet, type ReplicaSetView } from "./plan.ts";

export function replicaSetReconciler(informers: SharedInformers, clock: Clock): Reconciler<ReplicaSetView> {
  const [sets, children] = [informers.of(replicaSets), informers.of(pods)];

  function relatedPods(replicaSet: Stored<ReplicaSet>): readonly Stored<Pod>[] {
    const controller = controllerOf(replicaSet)?.uid;
    const siblings = controller === undefined ? [replicaSet] : sets.byIndex(controllerIndex, controller);
    return siblings.flatMap(({ metadata }) => children.byIndex(controllerIndex, metadata.uid));
  }

  return {
    name: "replicaset-controller",
    requests: specRequests(sets),
    bursts: merge(statusRequests(sets), ownerRequests(children, sets)),
    plan: planReplicaSet,
    conclude: concludeReplicaSet,
    async observe(key: ObjectKey, live: ApiReader) {
      const replicaSet = sets.get(key);
      const selector = replicaSet && selectorOf(replicaSet);
      if (replicaSet === undefined || selector === undefined) return undefined;
      const orphans = children.byIndex(controllerIndex, "").filter((pod) => pod.metadata.namespace === key.namespace);
      const candidates = [...children.byIndex(controllerIndex, replicaSet.metadata.uid), ...orphans];
      const canAdopt = hasOrphans(selector, candidates) && (await isAlive(replicaSets, replicaSet, live));
      return { replicaSet, candidates, related: relatedPods(replicaSet), canAdopt, now: clock.now() };
    },
  };
}

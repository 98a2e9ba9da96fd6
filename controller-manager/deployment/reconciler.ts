import type { Clock } from "#base/clock";
import type { Pod, ReplicaSet } from "#api/generated/types";
import { keyOf, type ObjectKey, type Stored } from "#api/object";
import { deployments, pods, replicaSets } from "#api/resource-type";
import type { ApiReader } from "#client/api-client";
import { map, merge, mergeMap, type Observable } from "rxjs";
import { hasOrphans } from "../framework/claim.ts";
import { isAlive } from "../framework/is-alive.ts";
import { controllerIn, deletions, ownerRequests, selectorOf, specRequests, statusRequests } from "../framework/owner-requests.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import { controllerIndex, type SharedInformers } from "../framework/shared-informers.ts";
import { concludeDeployment, newReplicaSetName, planDeployment } from "./plan.ts";
import type { DeploymentView } from "./rollout.ts";

export function deploymentReconciler(informers: SharedInformers, clock: Clock): Reconciler<DeploymentView> {
  const [owners, sets, grandchildren] = [informers.of(deployments), informers.of(replicaSets), informers.of(pods)];

  /** Recreate waits for the last old pod to be gone. */
  const podsGone: Observable<ObjectKey> = deletions(grandchildren).pipe(
    mergeMap((pod) => {
      const replicaSet = controllerIn(pod, sets);
      const deployment = replicaSet && controllerIn(replicaSet, owners);
      return deployment === undefined ? [] : [deployment];
    }),
    map(keyOf),
  );

  function podsBySet(candidates: readonly Stored<ReplicaSet>[]): ReadonlyMap<string, readonly Pod[]> {
    return new Map(candidates.map(({ metadata }) => [metadata.uid, grandchildren.byIndex(controllerIndex, metadata.uid)]));
  }

  return {
    name: "deployment-controller",
    requests: merge(specRequests(owners), podsGone),
    bursts: merge(statusRequests(owners), ownerRequests(sets, owners)),
    plan: planDeployment,
    conclude: concludeDeployment,
    async observe(key: ObjectKey, live: ApiReader) {
      const deployment = owners.get(key);
      const selector = deployment && selectorOf(deployment);
      if (deployment === undefined || selector === undefined) return undefined;
      const owned = sets.byIndex(controllerIndex, deployment.metadata.uid);
      const orphans = sets.byIndex(controllerIndex, "").filter((set) => set.metadata.namespace === key.namespace);
      const candidates = [...owned, ...orphans];
      const canAdopt = hasOrphans(selector, candidates) && (await isAlive(deployments, deployment, live));
      const nameTakenBy = sets.get({ namespace: key.namespace, name: newReplicaSetName({ deployment }) });
      const taken = nameTakenBy === undefined ? {} : { nameTakenBy };
      return { deployment, candidates, pods: podsBySet(owned), canAdopt, now: clock.now(), ...taken };
    },
  };
}

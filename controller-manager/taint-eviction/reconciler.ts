import type { Node } from "#api/generated/types";
import { keyOf, type ObjectKey } from "#api/object";
import { nodes, pods } from "#api/resource-type";
import type { Clock } from "#base/clock";
import { from, merge, mergeMap } from "rxjs";
import { ownRequests } from "../framework/owner-requests.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import { nodeIndex, type SharedInformers } from "../framework/shared-informers.ts";
import { bearsMsOf, planTaintEviction, type TaintEvictionView } from "./plan.ts";

/** Drives pods from nodes with NoExecute taints that they do not bear. */
export function taintEvictionReconciler(informers: SharedInformers, clock: Clock): Reconciler<TaintEvictionView> {
  const [owned, machines] = [informers.of(pods), informers.of(nodes)];
  /** By uid, since when each pod has been bearing taints that it does not bear for ever, as seen here. */
  const since = new Map<string, number>();
  owned.changes.subscribe(({ type, object }) => {
    if (type === "deleted") since.delete(object.metadata.uid);
  });
  const onTainted = machines.changes.pipe(
    mergeMap((change) => {
      const states = change.type === "updated" ? [change.object, change.old] : [change.object];
      return from(states.some(drivesAway) ? owned.byIndex(nodeIndex, change.object.metadata.name).map(keyOf) : []);
    }),
  );
  return {
    name: "taint-eviction-controller",
    requests: merge(ownRequests(owned), onTainted),
    plan: planTaintEviction,
    observe: async (key: ObjectKey) => {
      const pod = owned.get(key);
      const name = pod?.spec?.nodeName ?? "";
      const node = name === "" ? undefined : machines.get({ namespace: "", name });
      if (pod === undefined || node === undefined) return undefined;
      const { uid } = pod.metadata;
      const bearsMs = bearsMsOf(pod, node);
      const began = since.get(uid);
      if (bearsMs === Infinity) since.delete(uid);
      else if (began === undefined) since.set(uid, clock.monotonic());
      if (bearsMs === Infinity && began === undefined) return undefined;
      return { pod, bearsMs, taintedMs: began === undefined ? 0 : clock.monotonic() - began, now: clock.now() };
    },
  };
}

function drivesAway(node: Node): boolean {
  return (node.spec?.taints ?? []).some(({ effect }) => effect === "NoExecute");
}

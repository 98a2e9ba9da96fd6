import type { Node } from "#api/generated/types";
import { keyOf, type ObjectKey } from "#api/object";
import { nodes, pods } from "#api/resource-type";
import type { Clock } from "#base/clock";
import { from, merge, mergeMap } from "rxjs";
import { ownRequests } from "../framework/owner-requests.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import { nodeIndex, type SharedInformers } from "../framework/shared-informers.ts";
import { planTaintEviction, type TaintEvictionView } from "./plan.ts";

/** Drives pods from nodes with NoExecute taints that they do not bear. */
export function taintEvictionReconciler(informers: SharedInformers, clock: Clock): Reconciler<TaintEvictionView> {
  const [owned, machines] = [informers.of(pods), informers.of(nodes)];
  /** Since when each node has had such taints, as seen here. */
  const since = new Map<string, number>();
  machines.changes.subscribe(({ type, object }) => {
    const { name } = object.metadata;
    if (type === "deleted" || !drivesAway(object)) since.delete(name);
    else if (!since.has(name)) since.set(name, clock.monotonic());
  });
  const onTainted = machines.changes.pipe(
    mergeMap(({ object }) => from(drivesAway(object) ? owned.byIndex(nodeIndex, object.metadata.name).map(keyOf) : [])),
  );
  return {
    name: "taint-eviction-controller",
    requests: merge(ownRequests(owned), onTainted),
    plan: planTaintEviction,
    observe: async (key: ObjectKey) => {
      const pod = owned.get(key);
      const name = pod?.spec?.nodeName ?? "";
      const node = name === "" ? undefined : machines.get({ namespace: "", name });
      const began = since.get(name);
      if (pod === undefined || node === undefined || began === undefined) return undefined;
      return { pod, node, taintedMs: clock.monotonic() - began, now: clock.now() };
    },
  };
}

function drivesAway(node: Node): boolean {
  return (node.spec?.taints ?? []).some(({ effect }) => effect === "NoExecute");
}

import type { ObjectKey } from "#api/object";
import type { ResourceType } from "#api/resource-type";
import type { ApiReader } from "#client/api-client";
import { filter, map, share } from "rxjs";
import type { Reconciler } from "../framework/reconciler.ts";
import type { SharedInformers } from "../framework/shared-informers.ts";
import { OwnerGraph } from "./owner-graph.ts";
import { type GarbageView, planGarbage } from "./plan.ts";

/** One for each kind, over one graph. Owners of kinds that are not among `types` are never taken for gone. */
export function garbageCollectors(
  informers: SharedInformers,
  types: readonly ResourceType[],
): readonly Reconciler<GarbageView>[] {
  const graph = new OwnerGraph(informers, types);
  const requests = graph.requests.pipe(share());
  return types.map((type) => ({
    name: "garbage-collector-controller",
    requests: requests.pipe(
      filter((request) => request.type.kind === type.kind && request.type.group === type.group),
      map(({ key }) => key),
    ),
    plan: planGarbage,
    async observe(key: ObjectKey, live: ApiReader) {
      const object = graph.get(type, key);
      if (object === undefined) return undefined;
      const owners = await graph.ownersOf(object, live);
      return { object, type, owners, dependents: graph.dependentsOf(object.metadata.uid) };
    },
  }));
}

import { keyOf, type KubeObject, type ObjectKey, type Stored } from "#api/object";
import type { ResourceType } from "#api/resource-type";
import { hasReason } from "#api/status";
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
      const cached = graph.get(type, key);
      if (cached === undefined) return undefined;
      const object = (await mayGo(cached, graph, live)) ? await stillThere(type, cached, live) : cached;
      if (object === undefined) return undefined;
      const owners = await graph.ownersOf(object, live);
      return { object, type, owners, dependents: graph.dependentsOf(object.metadata.uid) };
    },
  }));
}

/** An owner of it is gone, or about to be. What it is itself then only the server's word decides: it may have been let go since. */
async function mayGo(object: Stored<KubeObject>, graph: OwnerGraph, live: ApiReader): Promise<boolean> {
  if (object.metadata.deletionTimestamp !== undefined) return false;
  const owners = await graph.ownersOf(object, live);
  return owners.some(({ state }) => state === "absent" || state === "leaving");
}

async function stillThere(
  type: ResourceType,
  object: Stored<KubeObject>,
  live: ApiReader,
): Promise<Stored<KubeObject> | undefined> {
  try {
    const found = await live.get(type, keyOf(object));
    return found.metadata.uid === object.metadata.uid ? found : undefined;
  } catch (error) {
    if (hasReason(error, "NotFound")) return undefined;
    throw error;
  }
}

import type { Clock } from "#base/clock";
import type { ObjectKey } from "#api/object";
import { namespaces, type ResourceType } from "#api/resource-type";
import { StatusError } from "#api/status";
import type { ApiReader } from "#client/api-client";
import { ownRequests } from "../framework/owner-requests.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import type { SharedInformers } from "../framework/shared-informers.ts";
import { concludeNamespace, type Content, isTerminating, type NamespaceView, planNamespace } from "./plan.ts";

/** `types`: everything that can be in a namespace. */
export function namespaceReconciler(
  informers: SharedInformers,
  types: readonly ResourceType[],
  clock: Clock,
): Reconciler<NamespaceView> {
  const spaces = informers.of(namespaces);
  const inside = types.filter(({ namespaced }) => namespaced);
  return {
    name: "namespace-controller",
    requests: ownRequests(spaces),
    plan: planNamespace,
    conclude: concludeNamespace,
    async observe(key: ObjectKey, live: ApiReader) {
      const namespace = spaces.get(key);
      if (namespace === undefined || !isTerminating(namespace)) return undefined;
      const content = await Promise.all(inside.map((type) => contentOf(type, key.name, live)));
      return { namespace, content, now: clock.now() };
    },
  };
}

/** Never from a cache: what it lacks would be left behind for ever. One kind that cannot be looked at does not keep the others. */
async function contentOf(type: ResourceType, namespace: string, live: ApiReader): Promise<Content> {
  try {
    return { type, objects: (await live.list(type, { namespace })).items };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { type, objects: [], unknown: error.message };
  }
}

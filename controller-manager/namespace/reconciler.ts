import type { Clock } from "#base/clock";
import type { ObjectKey } from "#api/object";
import { namespaces, type ResourceType } from "#api/resource-type";
import type { ApiReader } from "#client/api-client";
import { ownRequests } from "../framework/owner-requests.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import type { SharedInformers } from "../framework/shared-informers.ts";
import { concludeNamespace, isTerminating, type NamespaceView, planNamespace } from "./plan.ts";

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
      // Never from a cache: what it lacks would be left behind for ever.
      const lists = inside.map(async (type) => ({ type, objects: (await live.list(type, { namespace: key.name })).items }));
      return { namespace, content: await Promise.all(lists), now: clock.now() };
    },
  };
}

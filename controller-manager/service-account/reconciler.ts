import type { Namespace } from "#api/generated/types";
import type { ObjectKey, Stored } from "#api/object";
import { namespaces, serviceAccounts } from "#api/resource-type";
import { filter, map, merge } from "rxjs";
import { namespaceOf, ownRequests } from "../framework/owner-requests.ts";
import { nothingToDo, type Plan } from "../framework/plan.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import type { SharedInformers } from "../framework/shared-informers.ts";

export interface ServiceAccountView {
  readonly namespace: Stored<Namespace>;
  readonly exists: boolean;
}

/** Pods that name no ServiceAccount run as this one. */
const name = "default";

/** Each namespace has its `default` ServiceAccount, again when it was deleted. */
export function serviceAccountReconciler(informers: SharedInformers): Reconciler<ServiceAccountView> {
  const [spaces, accounts] = [informers.of(namespaces), informers.of(serviceAccounts)];
  const deleted = accounts.changes.pipe(
    filter(({ type, object }) => type === "deleted" && object.metadata.name === name),
    map(({ object }) => namespaceOf(object)),
  );
  return {
    name: "serviceaccount-controller",
    requests: merge(ownRequests(spaces), deleted),
    plan: planServiceAccount,
    async observe(key: ObjectKey) {
      const namespace = spaces.get(key);
      if (namespace === undefined) return undefined;
      return { namespace, exists: accounts.get({ namespace: key.name, name }) !== undefined };
    },
  };
}

function planServiceAccount({ namespace, exists }: ServiceAccountView): Plan {
  if (exists || namespace.metadata.deletionTimestamp !== undefined) return nothingToDo;
  const object = { metadata: { namespace: namespace.metadata.name, name } };
  return { steps: [{ type: "create", resource: serviceAccounts, object }] };
}

import { compileLabelSelector, type LabelSelector } from "#api/label-selector";
import type { LabelSelector as LabelSelectorSpec } from "#api/generated/types";
import { controllerOf, keyOf, type KubeObject, type ObjectKey, type Stored } from "#api/object";
import { apiVersionOf } from "#api/resource-type";
import type { Change, Informer } from "#client/informer";
import { filter, from, map, mergeMap, type Observable } from "rxjs";

/** The key of each object that changes. */
export function ownRequests<T extends KubeObject>(informer: Informer<T>): Observable<ObjectKey> {
  return informer.changes.pipe(map(({ object }) => keyOf(object)));
}

/** The key of each object of which something else is asked now than before, or that comes or goes. */
export function specRequests<T extends KubeObject>(informer: Informer<T>): Observable<ObjectKey> {
  return informer.changes.pipe(
    filter((change) => !isStatusOnly(change)),
    map(({ object }) => keyOf(object)),
  );
}

/** The key of each object that says something else of itself, as it does while its controller works on it. */
export function statusRequests<T extends KubeObject>(informer: Informer<T>): Observable<ObjectKey> {
  return informer.changes.pipe(
    filter(isStatusOnly),
    map(({ object }) => keyOf(object)),
  );
}

function isStatusOnly<T extends KubeObject>(change: Change<T>): boolean {
  if (change.type !== "updated") return false;
  const { metadata: is } = change.object;
  const { metadata: was } = change.old;
  return is.generation === was.generation && is.deletionTimestamp === was.deletionTimestamp;
}

/**
 * The owners that a change of a child concerns: who controls it, who did, and, if nobody does, whoever might adopt it.
 */
export function ownerRequests<Child extends KubeObject, Owner extends KubeObject & { spec?: { selector?: LabelSelectorSpec } }>(
  children: Informer<Child>,
  owners: Informer<Owner>,
): Observable<ObjectKey> {
  return children.changes.pipe(mergeMap((change) => from(concerned(change, owners))));
}

/** The key of the namespace that an object is in. */
export function namespaceOf({ metadata }: KubeObject): ObjectKey {
  return { namespace: "", name: metadata.namespace ?? "" };
}

/** Of deletions only. */
export function deletions<T extends KubeObject>(informer: Informer<T>): Observable<Stored<T>> {
  return informer.changes.pipe(
    filter((change) => change.type === "deleted"),
    map(({ object }) => object),
  );
}

/** The controller of an object, if it is of the informer's kind and still the same one. */
export function controllerIn<Owner extends KubeObject>(child: KubeObject, owners: Informer<Owner>): Stored<Owner> | undefined {
  const reference = controllerOf(child);
  if (reference?.kind !== owners.type.kind || groupOf(reference.apiVersion) !== groupOf(apiVersionOf(owners.type)))
    return undefined;
  const owner = owners.get({ namespace: child.metadata.namespace ?? "", name: reference.name });
  return owner?.metadata.uid === reference.uid ? owner : undefined;
}

/** @returns undefined for a selector that cannot be compiled: validation should have refused it. */
export function selectorOf(owner: { spec?: { selector?: LabelSelectorSpec } }): LabelSelector | undefined {
  try {
    return compileLabelSelector(owner.spec?.selector);
  } catch {
    return undefined;
  }
}

function concerned<Child extends KubeObject, Owner extends KubeObject & { spec?: { selector?: LabelSelectorSpec } }>(
  change: Change<Child>,
  owners: Informer<Owner>,
): readonly ObjectKey[] {
  const states = change.type === "updated" ? [change.object, change.old] : [change.object];
  const controllers = states.flatMap((state) => controllerIn(state, owners) ?? []);
  if (controllerOf(change.object) !== undefined || change.type === "deleted") return controllers.map(keyOf);
  const candidates = owners
    .list(change.object.metadata.namespace)
    .filter((owner) => states.some((state) => selectorOf(owner)?.matches(state.metadata.labels) ?? false));
  return [...controllers, ...candidates].map(keyOf);
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? "" : apiVersion.slice(0, slash);
}

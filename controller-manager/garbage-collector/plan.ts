import type { OwnerReference } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import type { ResourceType } from "#api/resource-type";
import { nothingToDo, type Plan, type Step, type Write } from "../framework/plan.ts";

export interface GarbageView {
  readonly object: Stored<KubeObject>;
  readonly type: ResourceType;
  readonly owners: readonly Owner[];
  readonly dependents: readonly Dependent[];
}

export interface Owner {
  readonly reference: OwnerReference;
  /**
   * `absent` by the server's own word; `leaving` while it waits for its dependents to be deleted first; `unknown` when its kind is not
   * known here, which is no reason to delete anything.
   */
  readonly state: "present" | "absent" | "leaving" | "unknown";
  /** It is there, but in another namespace, where it can own nothing of this one. */
  readonly isElsewhere?: boolean;
}

export interface Dependent {
  readonly type: ResourceType;
  readonly object: Stored<KubeObject>;
}

const foregroundFinalizer = "foregroundDeletion";
const orphanFinalizer = "orphan";

/**
 * What becomes of one object: as an owner that is being deleted it lets go of its dependents or waits for them; as a dependent it goes
 * when the last of its owners has gone (upstream: attemptToDeleteItem, attemptToOrphanWorker).
 */
export function planGarbage(view: GarbageView): Plan {
  const { metadata } = view.object;
  if (metadata.deletionTimestamp === undefined) return planDependent(view);
  if (metadata.finalizers?.includes(orphanFinalizer) === true) return { steps: orphan(view) };
  if (isLeaving(view.object)) return { steps: release(view) };
  return nothingToDo;
}

/** Being deleted in the foreground: its dependents go first. */
export function isLeaving({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(foregroundFinalizer);
}

function planDependent(view: GarbageView): Plan {
  const { object, owners, dependents } = view;
  const gone = owners.filter(({ state }) => state === "absent" || state === "leaving");
  const told = owners.filter(({ isElsewhere }) => isElsewhere === true).map((owner) => invalidNamespace(object, owner));
  if (gone.length === 0) return { steps: told };
  if (gone.length < owners.length) {
    const uids = new Set(gone.map(({ reference }) => reference.uid));
    return { steps: [...told, withoutOwners(view.type, object, uids)] };
  }
  const awaited = owners.some(({ state }) => state === "leaving");
  if (!awaited || dependents.length === 0) return { steps: [...told, remove(view, policyOf(object))] };
  // Owners in a circle would wait for each other for ever.
  const circular = dependents.some((dependent) => isLeaving(dependent.object));
  return { steps: [...told, ...(circular ? [withoutBlocking(view)] : []), remove(view, "Foreground")] };
}

/** In upstream's words (reportInvalidNamespaceOwnerRef). */
function invalidNamespace(object: Stored<KubeObject>, { reference }: Owner): Step {
  const { apiVersion, kind, name, uid } = reference;
  const namespace = object.metadata.namespace ?? "";
  const owner = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
  const message = `ownerRef ${owner} does not exist in namespace ${JSON.stringify(namespace)}`;
  return { type: "announce", about: object, notice: { type: "Warning", reason: "OwnerRefInvalidNamespace", message } };
}

function withoutBlocking({ object, type }: GarbageView): Write {
  const { ownerReferences = [], resourceVersion } = object.metadata;
  const unblocked = ownerReferences.map((reference) => ({ ...reference, blockOwnerDeletion: false }));
  const patch = { metadata: { ownerReferences: unblocked, resourceVersion } };
  return { type: "patch", resource: type, target: object, patch: { type: "merge", patch } };
}

function remove({ object, type }: GarbageView, propagationPolicy: "Background" | "Foreground" | "Orphan"): Write {
  return { type: "delete", resource: type, target: object, propagationPolicy, unchanged: true };
}

/** Whoever put a finalizer there has said how. */
function policyOf({ metadata }: KubeObject): "Background" | "Foreground" | "Orphan" {
  if (metadata.finalizers?.includes(orphanFinalizer) === true) return "Orphan";
  return metadata.finalizers?.includes(foregroundFinalizer) === true ? "Foreground" : "Background";
}

function orphan({ object, type, dependents }: GarbageView): readonly Step[] {
  const uids = new Set([object.metadata.uid]);
  const writes = dependents.map((dependent) => withoutOwners(dependent.type, dependent.object, uids));
  const freed: readonly Step[] = writes.length === 0 ? [] : [{ type: "together", writes }];
  return [...freed, withoutFinalizer(type, object, orphanFinalizer)];
}

/** Dependents see for themselves that it is leaving, and go. Only those that say so keep it. */
function release({ object, type, dependents }: GarbageView): readonly Step[] {
  const blocked = dependents.some((dependent) =>
    dependent.object.metadata.ownerReferences?.some(
      ({ uid, blockOwnerDeletion }) => uid === object.metadata.uid && blockOwnerDeletion,
    ),
  );
  return blocked ? [] : [withoutFinalizer(type, object, foregroundFinalizer)];
}

function withoutOwners(resource: ResourceType, target: Stored<KubeObject>, uids: ReadonlySet<string>): Write {
  const { ownerReferences = [], resourceVersion } = target.metadata;
  const kept = ownerReferences.filter(({ uid }) => !uids.has(uid));
  return {
    type: "patch",
    resource,
    target,
    patch: { type: "merge", patch: { metadata: { ownerReferences: kept, resourceVersion } } },
  };
}

function withoutFinalizer(resource: ResourceType, target: Stored<KubeObject>, finalizer: string): Write {
  const { finalizers = [], resourceVersion } = target.metadata;
  const kept = finalizers.filter((name) => name !== finalizer);
  return {
    type: "patch",
    resource,
    target,
    patch: { type: "merge", patch: { metadata: { finalizers: kept, resourceVersion } } },
  };
}

import type { OwnerReference } from "#api/generated/types";
import { keyOf, type KubeObject, type ObjectKey, type Stored } from "#api/object";
import type { ResourceType } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiReader } from "#client/api-client";
import type { Change, Informer } from "#client/informer";
import { from, merge, mergeMap, type Observable } from "rxjs";
import { ownerIndex, uidIndex, type SharedInformers } from "../framework/shared-informers.ts";
import { type Dependent, isLeaving, type Owner } from "./plan.ts";

export interface GraphKey {
  readonly type: ResourceType;
  readonly key: ObjectKey;
}

/** Who owns whom, over all kinds that the garbage collector knows. */
export class OwnerGraph {
  readonly #informers: ReadonlyMap<string, Informer<KubeObject>>;

  constructor(informers: SharedInformers, types: readonly ResourceType[]) {
    this.#informers = new Map(types.map((type) => [`${type.kind}.${type.group}`, informers.of(type)]));
  }

  get(type: ResourceType, key: ObjectKey): Stored<KubeObject> | undefined {
    return this.#informers.get(`${type.kind}.${type.group}`)?.get(key);
  }

  dependentsOf(uid: string): readonly Dependent[] {
    return [...this.#informers.values()].flatMap(({ type }) => this.#dependentsIn(type, uid));
  }

  /** The cache is believed when it has the owner; that there is none only the server can tell. */
  async ownersOf(object: Stored<KubeObject>, live: ApiReader): Promise<readonly Owner[]> {
    const references = object.metadata.ownerReferences ?? [];
    return Promise.all(
      references.map(async (reference) => {
        const state = await this.#stateOf(reference, object, live);
        const isElsewhere = (state === "absent" || state === "unknown") && this.#isElsewhere(reference, object);
        return { reference, state, ...(isElsewhere && { isElsewhere }) };
      }),
    );
  }

  /** Everything that a change may decide about: itself, who depends on it, and who waits for it. */
  get requests(): Observable<GraphKey> {
    const each = [...this.#informers.values()].map((informer) =>
      informer.changes.pipe(mergeMap((change) => from(this.#concerned(informer.type, change)))),
    );
    return merge(...each);
  }

  #dependentsIn(type: ResourceType, uid: string): readonly Dependent[] {
    const informer = this.#informers.get(`${type.kind}.${type.group}`);
    return (informer?.byIndex(ownerIndex, uid) ?? []).map((object) => ({ type, object }));
  }

  #concerned(type: ResourceType, change: Change<KubeObject>): readonly GraphKey[] {
    const { object } = change;
    const self = { type, key: keyOf(object) };
    if (change.type === "deleted") return [...this.#dependentKeys(object), ...this.#waitingOwners(object)];
    if (change.type === "added") return isInteresting(object) ? [self, ...this.#leavingDependents(object)] : [];
    if (sameOwnership(change.old, object)) return [];
    return [self, ...this.#leavingDependents(object), ...this.#waitingOwners(object), ...this.#waitingOwners(change.old)];
  }

  #leavingDependents(object: Stored<KubeObject>): readonly GraphKey[] {
    return isLeaving(object) ? this.#dependentKeys(object) : [];
  }

  #dependentKeys({ metadata }: Stored<KubeObject>): readonly GraphKey[] {
    return this.dependentsOf(metadata.uid).map((dependent) => ({ type: dependent.type, key: keyOf(dependent.object) }));
  }

  #waitingOwners(object: Stored<KubeObject>): readonly GraphKey[] {
    return (object.metadata.ownerReferences ?? []).flatMap((reference) => {
      const informer = this.#informerOf(reference);
      if (informer === undefined) return [];
      const key = keyOfOwner(reference, object, informer.type);
      const owner = key && informer.get(key);
      return owner?.metadata.uid === reference.uid && isLeaving(owner) ? [{ type: informer.type, key: keyOf(owner) }] : [];
    });
  }

  async #stateOf(reference: OwnerReference, object: Stored<KubeObject>, live: ApiReader): Promise<Owner["state"]> {
    const informer = this.#informerOf(reference);
    if (informer === undefined) return "unknown";
    const key = keyOfOwner(reference, object, informer.type);
    // A cluster-scoped object cannot tell in which namespace its owner is.
    if (key === undefined) return "unknown";
    const cached = informer.get(key);
    if (cached?.metadata.uid === reference.uid) return isLeaving(cached) ? "leaving" : "present";
    try {
      const owner = await live.get(informer.type, key);
      if (owner.metadata.uid !== reference.uid) return "absent";
      return isLeaving(owner) ? "leaving" : "present";
    } catch (error) {
      if (hasReason(error, "NotFound")) return "absent";
      throw error;
    }
  }

  #isElsewhere(reference: OwnerReference, { metadata }: KubeObject): boolean {
    const found = this.#informerOf(reference)?.byIndex(uidIndex, reference.uid)[0]?.metadata.namespace ?? "";
    return found !== "" && found !== (metadata.namespace ?? "");
  }

  #informerOf({ apiVersion, kind }: OwnerReference): Informer<KubeObject> | undefined {
    const slash = apiVersion.indexOf("/");
    return this.#informers.get(`${kind}.${slash === -1 ? "" : apiVersion.slice(0, slash)}`);
  }
}

function keyOfOwner({ name }: OwnerReference, { metadata }: KubeObject, type: ResourceType): ObjectKey | undefined {
  const namespace = metadata.namespace ?? "";
  if (!type.namespaced) return { namespace: "", name };
  return namespace === "" ? undefined : { namespace, name };
}

function isInteresting({ metadata }: KubeObject): boolean {
  return (metadata.ownerReferences ?? []).length > 0 || metadata.deletionTimestamp !== undefined;
}

function sameOwnership({ metadata: old }: KubeObject, { metadata }: KubeObject): boolean {
  const facts = (meta: KubeObject["metadata"]) => [meta.deletionTimestamp, meta.finalizers ?? [], meta.ownerReferences ?? []];
  return JSON.stringify(facts(old)) === JSON.stringify(facts(metadata));
}

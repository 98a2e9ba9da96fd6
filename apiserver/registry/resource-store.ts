import type { ResourceDefinition } from "#api/definition";
import { invalidValue } from "#api/field-error";
import type { KubeObject, ObjectKey, Stored } from "#api/object";
import type { EncodedObject } from "#api/request";
import type { Schema } from "#api/schema";
import { isSameButForTimes, managedFieldsAfter } from "#api/managed-fields/managed-fields";
import { apiVersionOf } from "#api/resource-type";
import { alreadyExists, conflict, invalid, notFound, StatusError } from "#api/status";
import { validateMetadata, validateMetadataUpdate } from "#api/metadata-validation";
import { timestamp, type Clock } from "#base/clock";
import type { Random } from "#base/random";
import type { Admission, AdmissionRequest } from "../admission/admission.ts";
import { StorageError, type Storage } from "../storage/storage.ts";
import { CachedObject } from "../watch/cached-object.ts";
import type { WatchCache } from "../watch/watch-cache.ts";
import { generateName, inStoredOrder, keptMetadata, newMetadata, nextGeneration, withoutResourceVersion } from "./object-meta.ts";
import { isOutcomeUnknown, statusOfStorageError } from "./storage-failures.ts";
import { storageKey } from "./storage-keys.ts";
import type { Preconditions, WriteContext } from "./write-context.ts";

/** How often a write starts again because somebody else was faster, before the client is told. */
const mostAttempts = 64;
const generateNameAttempts = 8;
const modified = "the object has been modified; please apply your changes to the latest version and try again";

export interface StoreDependencies {
  readonly definition: ResourceDefinition;
  readonly storage: Storage;
  readonly cache: WatchCache;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly random: Random;
}

/** The object as it is now: stored, or, after a dry run or an update that let it go, as it would be. */
export type Written = { readonly object: EncodedObject & { readonly object: Stored<KubeObject> }; readonly created: boolean };

/**
 * The objects of one kind: the only code that writes them. Every write reads, changes, defaults, admits, validates and swaps, and
 * starts again when somebody else was faster.
 */
export class ResourceStore {
  readonly definition: ResourceDefinition;
  readonly cache: WatchCache;
  readonly #schema: Schema;
  readonly #storage: Storage;
  readonly #admission: Admission;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ definition, storage, cache, admission, clock, random }: StoreDependencies) {
    this.definition = definition;
    const version = definition.versions.find((each) => each.version === definition.type.version);
    this.#schema = { $ref: `#/definitions/${version?.schema ?? ""}` };
    this.cache = cache;
    this.#storage = storage;
    this.#admission = admission;
    this.#clock = clock;
    this.#random = random;
  }

  /** Reads at or after every write acknowledged before the call. */
  async getLive(key: ObjectKey): Promise<CachedObject | undefined> {
    const entry = await this.#storage.get(storageKey(this.definition.type, key));
    return entry === undefined ? undefined : new CachedObject(entry);
  }

  /** As it is known here, which is enough to try a write with: the swap tells when it was old. */
  async recent(key: ObjectKey): Promise<CachedObject | undefined> {
    return this.cache.latestKnown(storageKey(this.definition.type, key)) ?? this.getLive(key);
  }

  /** @throws AlreadyExists, Invalid, and what admission throws. */
  async create(input: KubeObject, context: WriteContext): Promise<Written> {
    const base = input.metadata.generateName ?? "";
    const isGenerated = (input.metadata.name ?? "") === "" && base !== "";
    for (let attempt = 1; ; attempt++) {
      const name = isGenerated ? generateName(base, this.#random) : input.metadata.name;
      const metadata = name === undefined ? input.metadata : { ...input.metadata, name };
      try {
        return await this.#createOnce({ ...input, metadata }, context);
      } catch (error) {
        const taken = error instanceof StatusError && error.reason === "AlreadyExists";
        if (!isGenerated || !taken || attempt === generateNameAttempts) throw error;
      }
    }
  }

  async #createOnce(input: KubeObject, context: WriteContext): Promise<Written> {
    const { definition } = this;
    const { type } = definition;
    const fresh: KubeObject = { ...input, metadata: newMetadata(input.metadata, definition, this.#clock, this.#random) };
    const booked = this.#booked(this.#withDefaults(fresh), undefined, context);
    const request = this.#admissionRequest("create", booked, undefined, context);
    const admitted = (await this.#admission.mutate({ ...request, object: booked })) ?? booked;
    const object = this.#inOrder(definition.prepareForCreate?.(admitted) ?? this.#withoutStatus(admitted));
    const causes = [
      ...validateMetadata(object.metadata, type.namespaced, definition.validateName),
      ...(definition.validate?.(object) ?? []),
      ...(definition.validateCreate?.(object) ?? []),
    ];
    if (causes.length > 0) throw invalid(type, object.metadata.name ?? "", causes);
    await this.#admission.validate({ ...request, object });
    for (const warning of definition.warnings?.(object, undefined) ?? []) context.warn(warning);
    const key = storageKey(type, { namespace: object.metadata.namespace ?? "", name: object.metadata.name ?? "" });
    if (context.dryRun) {
      if ((await this.#storage.get(key)) !== undefined) throw alreadyExists(type, object.metadata.name ?? "");
      return { object: unstored(object), created: true };
    }
    // Admission may have taken its time. Who has left meanwhile may have asked again.
    context.signal.throwIfAborted();
    return { object: await this.#put(key, object, 0), created: true };
  }

  /**
   * Changes an object by `attempt`, which gets the stored one and returns the wanted one; it runs again when somebody else wrote
   * in between, unless the wanted one carries a resourceVersion. Nothing is written when nothing changes.
   */
  async update(
    key: ObjectKey,
    preconditions: Preconditions,
    attempt: (current: Stored<KubeObject>) => KubeObject | Promise<KubeObject>,
    context: WriteContext,
  ): Promise<Written> {
    const { type } = this.definition;
    for (let tries = 1; tries <= mostAttempts; tries++) {
      context.signal.throwIfAborted();
      const current = tries === 1 ? await this.recent(key) : await this.getLive(key);
      if (current === undefined) throw notFound(type, key.name);
      try {
        const written = await this.#updateOnce(current, preconditions, attempt, context);
        // Only a write finds out by itself that it began from something old.
        if (tries > 1 || written.object !== current || (await this.#isLatest(current, key))) return written;
      } catch (error) {
        // It may have happened: to look again would show its own change, and to try again would be to do it twice.
        if (isOutcomeUnknown(error)) throw error;
        const stale = error instanceof StaleRead || (error instanceof StorageError && error.reason === "Conflict");
        // What the first attempt read may have been the cache's; what a later one read was the truth.
        if (!stale && (tries > 1 || (await this.#isLatest(current, key)))) throw error;
        if (error instanceof StaleRead && tries > 1) throw conflict(type, key.name, error.message);
      }
    }
    throw conflict(type, key.name, modified);
  }

  async #updateOnce(
    current: CachedObject,
    preconditions: Preconditions,
    attempt: (current: Stored<KubeObject>) => KubeObject | Promise<KubeObject>,
    context: WriteContext,
  ): Promise<Written> {
    const { definition } = this;
    const { type } = definition;
    const old = current.object;
    checkPreconditions(old, preconditions);
    const wanted = await attempt(old);
    if (wanted.metadata.uid !== undefined && wanted.metadata.uid !== "") checkPreconditions(old, { uid: wanted.metadata.uid });
    const version = wanted.metadata.resourceVersion;
    if (context.isBlindReplacement === true && definition.requiresResourceVersion === true) {
      const cause = invalidValue("metadata.resourceVersion", "", "must be specified for an update");
      throw invalid(type, old.metadata.name, [cause]);
    }
    if (version !== undefined && version !== "" && version !== "0" && version !== old.metadata.resourceVersion)
      throw new StaleRead(modified);
    const oldValue = withoutResourceVersion<KubeObject>(old);
    const kept = this.#keepWhatIsNotTheirs(wanted, oldValue, context.subresource);
    const booked = this.#booked(this.#withDefaults(kept), oldValue, context);
    const request = this.#admissionRequest("update", booked, old, context);
    const admitted = (await this.#admission.mutate({ ...request, object: booked })) ?? booked;
    const counts = definition.tracksGeneration === true && context.subresource !== "binding";
    const counted = counts ? nextGeneration(admitted, oldValue) : admitted;
    const next = this.#inOrder(counted);
    const causes = [
      ...validateMetadata(next.metadata, type.namespaced, () => []),
      ...validateMetadataUpdate(next.metadata, old.metadata),
      ...(definition.validateUpdate?.(next, old, context.subresource) ?? []),
      ...(context.subresource === undefined ? (definition.validate?.(next) ?? []) : []),
    ];
    if (causes.length > 0) throw invalid(type, old.metadata.name, causes);
    await this.#admission.validate({ ...request, object: next });
    for (const warning of definition.warnings?.(next, old) ?? []) context.warn(warning);
    if (isSameButForTimes(next, oldValue) && !(await this.#isStale(current))) return { object: current, created: false };
    if (context.dryRun) return { object: unstored(next, old.metadata.resourceVersion), created: false };
    if (this.#isReadyToGo(next)) {
      const revision = await this.#storage.delete(current.key, current.revision);
      return { object: unstored(next, String(revision)), created: false };
    }
    return { object: await this.#put(current.key, next, current.revision), created: false };
  }

  /** Writes without asking admission, for the server's own steps of a deletion. @throws StorageError Conflict when somebody wrote since. */
  async swap(current: CachedObject, next: KubeObject): Promise<CachedObject> {
    return this.#put(current.key, this.#inOrder(withoutResourceVersion(next)), current.revision);
  }

  /** @throws StorageError Conflict when somebody wrote since. */
  async remove(current: CachedObject): Promise<number> {
    return this.#storage.delete(current.key, current.revision);
  }

  async admitDelete(current: CachedObject, context: WriteContext): Promise<void> {
    await this.#admission.validate(this.#admissionRequest("delete", undefined, current.object, context));
  }

  async #isLatest(object: CachedObject, key: ObjectKey): Promise<boolean> {
    return (await this.getLive(key))?.revision === object.revision;
  }

  /** A write that changes nothing is how objects are encrypted anew. */
  async #isStale({ key }: CachedObject): Promise<boolean> {
    return (await this.#storage.isStale?.(key)) ?? false;
  }

  #keepWhatIsNotTheirs(wanted: KubeObject, old: KubeObject, subresource: string | undefined): KubeObject {
    const { definition } = this;
    const metadata = keptMetadata(wanted.metadata, old.metadata);
    const next: KubeObject = { ...wanted, metadata };
    // Binding is the server's own change, of spec and status in one.
    if (subresource === "binding") return next;
    if (subresource === "status") {
      const { status } = next as { status?: unknown };
      const merged = {
        ...old,
        metadata: { ...old.metadata, ...pickMetadata(metadata) },
        ...(status !== undefined && { status }),
      };
      return definition.prepareForUpdate?.(merged, old, subresource) ?? merged;
    }
    const { status: _, ...withoutStatus } = next as KubeObject & { status?: unknown };
    const { status: oldStatus } = old as { status?: unknown };
    const kept =
      definition.hasStatus === true ? { ...withoutStatus, ...(oldStatus !== undefined && { status: oldStatus }) } : next;
    return definition.prepareForUpdate?.(kept, old, subresource) ?? kept;
  }

  /** The object with managedFields that say what this write sets: what its client sent with defaults, not what admission adds. */
  #booked(object: KubeObject, old: KubeObject | undefined, context: WriteContext): KubeObject {
    // Binding is the server's own change.
    if (context.subresource === "binding") return object;
    const { type } = this.definition;
    const entries = managedFieldsAfter({
      old,
      next: old === undefined ? this.#withoutStatus(object) : object,
      schema: this.#schema,
      apiVersion: apiVersionOf(type),
      manager: context.fieldManager,
      subresource: context.subresource,
      now: timestamp(this.#clock.now()),
    });
    const { managedFields: _, ...metadata } = object.metadata;
    return { ...object, metadata: entries === undefined ? metadata : { ...metadata, managedFields: entries } };
  }

  #isReadyToGo(object: KubeObject): boolean {
    const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
    if (deletionTimestamp === undefined || (finalizers ?? []).length > 0) return false;
    return (deletionGracePeriodSeconds ?? 0) === 0 && (this.definition.heldBy?.(object) ?? []).length === 0;
  }

  async #put(key: string, object: KubeObject, expected: number): Promise<CachedObject> {
    const { expiresAfterSeconds } = this.definition;
    const value = Buffer.from(JSON.stringify(object));
    if (value.length > largestObject) {
      throw new StatusError("RequestEntityTooLarge", `Request entity too large: limit is ${largestObject}`, {});
    }
    try {
      const options = expiresAfterSeconds === undefined ? {} : { expiresAfterSeconds };
      const written = CachedObject.of(await this.#storage.put(key, value, expected, options));
      this.cache.noteWritten(written);
      return written;
    } catch (error) {
      throw statusOfStorageError(error, this.definition.type, object.metadata.name ?? "");
    }
  }

  #withDefaults(object: KubeObject): KubeObject {
    return this.definition.withDefaults?.(object) ?? object;
  }

  #withoutStatus(object: KubeObject): KubeObject {
    if (this.definition.hasStatus !== true) return object;
    const { status: _, ...rest } = object as KubeObject & { status?: unknown };
    return rest;
  }

  #inOrder(object: KubeObject): KubeObject {
    const { type } = this.definition;
    return inStoredOrder(object, apiVersionOf(type), type.kind);
  }

  #admissionRequest(
    operation: AdmissionRequest["operation"],
    object: KubeObject | undefined,
    oldObject: KubeObject | undefined,
    context: WriteContext,
  ): AdmissionRequest {
    const metadata = (object ?? oldObject)?.metadata;
    return {
      operation,
      type: this.definition.type,
      subresource: context.subresource,
      namespace: metadata?.namespace ?? "",
      name: metadata?.name ?? "",
      ...(object !== undefined && { object }),
      ...(oldObject !== undefined && { oldObject }),
      user: context.user,
      dryRun: context.dryRun,
      signal: context.signal,
      warn: (text) => context.warn(text),
    };
  }
}

/** As etcd's request limit has it upstream. */
const largestObject = 1.5 * 1024 * 1024;

/** The attempt was made on an object that is not the stored one any more, or the client's is not. */
class StaleRead extends Error {
  override readonly name = "StaleRead";
}

export function checkPreconditions(object: Stored<KubeObject>, { uid, resourceVersion }: Preconditions): void {
  if (uid !== undefined && uid !== object.metadata.uid) {
    throw new StaleRead(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${object.metadata.uid}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== object.metadata.resourceVersion) {
    throw new StaleRead(
      `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${object.metadata.resourceVersion}`,
    );
  }
}

export function isStaleRead(error: unknown): error is Error {
  return error instanceof StaleRead;
}

/** A status may be written together with labels and annotations, as kubelets and controllers do. */
function pickMetadata({ labels, annotations, managedFields }: KubeObject["metadata"]): KubeObject["metadata"] {
  return { ...(labels && { labels }), ...(annotations && { annotations }), ...(managedFields && { managedFields }) };
}

/** An object that is answered but was not stored. */
function unstored(object: KubeObject, resourceVersion?: string): Written["object"] {
  const answered = (
    resourceVersion === undefined ? object : { ...object, metadata: { ...object.metadata, resourceVersion } }
  ) as Stored<KubeObject>;
  return { object: answered, bytes: () => Buffer.from(JSON.stringify(answered)) };
}

import type { DeleteOptions } from "#api/generated/types";
import type { KubeObject, ObjectKey, Stored } from "#api/object";
import { conflict, hasReason, notFound } from "#api/status";
import { timestamp, type Clock } from "#base/clock";
import { StorageError } from "../storage/storage.ts";
import type { CachedObject } from "../watch/cached-object.ts";
import { checkPreconditions, isStaleRead, type ResourceStore } from "./resource-store.ts";
import { statusOfStorageError } from "./storage-failures.ts";
import type { WriteContext } from "./write-context.ts";

/** `gone`: nothing is left. Otherwise the object as it lives on: in its grace period, or held by finalizers. */
export type Deleted =
  | { readonly gone: true; readonly last: Stored<KubeObject>; readonly asItWas: CachedObject }
  | { readonly gone: false; readonly object: CachedObject };

const orphanFinalizer = "orphan";
const foregroundFinalizer = "foregroundDeletion";

/** Deletes, or begins to: whoever holds the object finishes it. Safe to repeat; a shorter grace period takes effect. */
export async function deleteObject(
  store: ResourceStore,
  key: ObjectKey,
  options: DeleteOptions,
  context: WriteContext,
  clock: Clock,
): Promise<Deleted> {
  for (let tries = 1; ; tries++) {
    context.signal.throwIfAborted();
    const isFirst = tries === 1;
    const current = isFirst ? await store.recent(key) : await store.getLive(key);
    if (current === undefined) throw notFound(store.definition.type, key.name);
    try {
      checkPreconditions(current.object, options.preconditions ?? {});
      await store.admitDelete(current, context);
      const deleted = await deleteOnce(store, current, options, context, clock);
      // Only a write finds out by itself that it began from something old.
      if (isFirst && !deleted.gone && deleted.object === current) continue;
      return deleted;
    } catch (error) {
      // What the first attempt read may have been the cache's; what a later one read was the truth.
      if (isFirst && (isStaleRead(error) || hasReason(error, "Forbidden"))) continue;
      if (isStaleRead(error)) throw conflict(store.definition.type, key.name, error.message);
      if (error instanceof StorageError && error.reason === "Conflict") continue;
      throw statusOfStorageError(error, store.definition.type, key.name);
    }
  }
}

async function deleteOnce(
  store: ResourceStore,
  current: CachedObject,
  options: DeleteOptions,
  context: WriteContext,
  clock: Clock,
): Promise<Deleted> {
  const { definition } = store;
  const old = current.object;
  const isForced = options.gracePeriodSeconds === 0;
  const finalizers = propagated(old.metadata.finalizers ?? [], options, definition.defaultPropagation);
  const wanted = definition.gracePeriodSeconds?.(old, options.gracePeriodSeconds) ?? 0;
  const before = old.metadata.deletionGracePeriodSeconds;
  const grace = old.metadata.deletionTimestamp === undefined || before === undefined ? wanted : Math.min(before, wanted);
  const held = finalizers.length > 0 || (definition.heldBy?.(old) ?? []).length > 0;
  if (!held && (grace === 0 || isForced)) {
    const revision = context.dryRun ? current.revision : await store.remove(current);
    return { gone: true, last: old, asItWas: current.withRevision(revision) };
  }
  const next = marked(store, old, finalizers, isForced ? 0 : grace, clock);
  if (next === undefined || context.dryRun) return { gone: false, object: current };
  return { gone: false, object: await store.swap(current, next) };
}

/** The object on its way out; undefined when it already is, just so. */
function marked(
  store: ResourceStore,
  old: Stored<KubeObject>,
  finalizers: readonly string[],
  grace: number,
  clock: Clock,
): KubeObject | undefined {
  const { metadata } = old;
  const before = metadata.deletionGracePeriodSeconds ?? 0;
  const isFirst = metadata.deletionTimestamp === undefined;
  const sameFinalizers = finalizers.length === (metadata.finalizers ?? []).length;
  if (!isFirst && sameFinalizers && grace >= before) return undefined;
  const began = isFirst ? clock.now() : Date.parse(metadata.deletionTimestamp ?? "") - before * 1000;
  const { finalizers: _, ...rest } = metadata;
  const next: KubeObject = {
    ...old,
    metadata: {
      ...rest,
      ...(finalizers.length > 0 && { finalizers }),
      ...(isFirst && metadata.generation !== undefined && { generation: metadata.generation + 1 }),
      deletionTimestamp: timestamp(began + grace * 1000),
      deletionGracePeriodSeconds: grace,
    },
  };
  return store.definition.markDeleted?.(next) ?? next;
}

/** The finalizers after the client's word on dependents; background is the absence of both. */
function propagated(
  finalizers: readonly string[],
  options: DeleteOptions,
  fallback: "background" | "orphan" | undefined,
): string[] {
  const others = finalizers.filter((finalizer) => finalizer !== orphanFinalizer && finalizer !== foregroundFinalizer);
  const policy =
    options.propagationPolicy ??
    (options.orphanDependents === true ? "Orphan" : options.orphanDependents === false ? "Background" : undefined);
  switch (policy) {
    case "Orphan":
      return [...others, orphanFinalizer];
    case "Foreground":
      return [...others, foregroundFinalizer];
    case "Background":
      return others;
    default:
      return fallback === "orphan" ? [...others, orphanFinalizer] : [...finalizers];
  }
}

import type { ResourceDefinition } from "#api/definition";
import type { ObjectMeta } from "#api/generated/types";
import type { KubeObject } from "#api/object";
import { StatusError } from "#api/status";
import { timestamp, type Clock } from "#base/clock";
import { sameJson } from "#base/same-json";
import { nameSuffix, type Random } from "#base/random";

/** The longest base a generated name keeps: 63 less the suffix. */
const longestBase = 58;

export function generateName(base: string, random: Random): string {
  return `${base.slice(0, longestBase)}${nameSuffix(random)}`;
}

/** The fields that only the server sets, for an object that is about to be stored for the first time. */
export function newMetadata(metadata: ObjectMeta, definition: ResourceDefinition, clock: Clock, random: Random): ObjectMeta {
  return {
    ...withoutServerFields(metadata),
    uid: random.uuid(),
    ...(definition.tracksGeneration === true && { generation: 1 }),
    creationTimestamp: timestamp(clock.now()),
  };
}

/** Takes from the stored object what an update cannot change and may leave out. */
export function keptMetadata(next: ObjectMeta, old: ObjectMeta): ObjectMeta {
  return {
    ...withoutServerFields(next),
    ...(next.uid === undefined && old.uid !== undefined && { uid: old.uid }),
    ...(old.generation !== undefined && { generation: old.generation }),
    ...(old.creationTimestamp !== undefined && { creationTimestamp: old.creationTimestamp }),
    ...(old.deletionTimestamp !== undefined && { deletionTimestamp: old.deletionTimestamp }),
    ...(old.deletionGracePeriodSeconds !== undefined && { deletionGracePeriodSeconds: old.deletionGracePeriodSeconds }),
    ...(old.generateName !== undefined && next.generateName === undefined && { generateName: old.generateName }),
  };
}

/** What is left of a client's metadata when it may not say what only the server knows. */
function withoutServerFields(metadata: ObjectMeta): ObjectMeta {
  const {
    resourceVersion: _,
    selfLink: __,
    deletionTimestamp: ___,
    deletionGracePeriodSeconds: ____,
    generation: _____,
    ...rest
  } = metadata;
  return rest;
}

/** In the namespace of the URL. @throws StatusError BadRequest when the body contradicts it */
export function placed(object: KubeObject, namespace: string): KubeObject {
  const { namespace: said = "" } = object.metadata;
  if (said !== "" && said !== namespace) {
    throw new StatusError("BadRequest", "the namespace of the provided object does not match the namespace sent on the request");
  }
  return { ...object, metadata: { ...object.metadata, namespace } };
}

export function withoutResourceVersion<T extends KubeObject>(object: T): T {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Counts a change of anything a user asks for: all but metadata and status. */
export function nextGeneration(next: KubeObject, old: KubeObject): KubeObject {
  const { metadata: _, status: __, ...wanted } = next as KubeObject & { status?: unknown };
  const { metadata: ___, status: ____, ...wantedBefore } = old as KubeObject & { status?: unknown };
  if (sameJson(wanted, wantedBefore)) return next;
  return { ...next, metadata: { ...next.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
}

/** The order of the fields every stored object begins with. */
export function inStoredOrder(object: KubeObject, apiVersion: string, kind: string): KubeObject {
  const { apiVersion: _, kind: __, metadata, ...rest } = object;
  return { kind, apiVersion, metadata, ...rest };
}

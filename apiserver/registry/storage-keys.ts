import type { ObjectKey } from "#api/object";
import type { ResourceType } from "#api/resource-type";

/** Ends in a slash, so that no kind's keys begin with another's. */
export function keyPrefix(type: ResourceType, namespace?: string): string {
  const group = type.group === "" ? "" : `${type.group}/`;
  const kind = `/registry/${group}${type.resource}/`;
  return namespace === undefined || namespace === "" ? kind : `${kind}${namespace}/`;
}

export function storageKey(type: ResourceType, key: ObjectKey): string {
  return `${keyPrefix(type, type.namespaced ? key.namespace : undefined)}${key.name}`;
}

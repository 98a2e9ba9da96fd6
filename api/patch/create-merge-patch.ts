import { isDeepStrictEqual } from "node:util";
import { isJsonObject, setOwn, type Json, type JsonObject } from "./merge-patch.ts";

/** The JSON merge patch that makes `modified` of `original`. */
export function createMergePatch(original: JsonObject, modified: JsonObject): JsonObject {
  return joined(deepRemovals(original, modified), changes(original, modified));
}

/**
 * What apply sends for kinds without strategic merging: what `modified` says and `current` does not, and null for what was in
 * `original` and is in `modified` no more. Fields that others set stay.
 */
export function createThreeWayMergePatch(original: JsonObject, modified: JsonObject, current: JsonObject): JsonObject {
  return joined(deepRemovals(original, modified), changes(current, modified));
}

function changes(from: JsonObject, to: JsonObject): JsonObject {
  const patch: Record<string, Json> = {};
  for (const [field, value] of Object.entries(to)) {
    const before = Object.hasOwn(from, field) ? from[field] : undefined;
    if (isJsonObject(value) && isJsonObject(before)) {
      const inner = changes(before, value);
      if (Object.keys(inner).length > 0) setOwn(patch, field, inner);
    } else if (!isDeepStrictEqual(before, value)) setOwn(patch, field, value);
  }
  return patch;
}

function removals(from: JsonObject, to: JsonObject): JsonObject {
  const gone = Object.keys(from).filter((field) => !Object.hasOwn(to, field));
  return Object.fromEntries(gone.map((field) => [field, null]));
}

function deepRemovals(from: JsonObject, to: JsonObject): JsonObject {
  const patch: Record<string, Json> = { ...removals(from, to) };
  for (const [field, value] of Object.entries(to)) {
    const before = Object.hasOwn(from, field) ? from[field] : undefined;
    if (!isJsonObject(value) || !isJsonObject(before)) continue;
    const inner = deepRemovals(before, value);
    if (Object.keys(inner).length > 0) setOwn(patch, field, inner);
  }
  return patch;
}

function joined(removed: JsonObject, changed: JsonObject): JsonObject {
  const patch: Record<string, Json> = { ...removed };
  for (const [field, value] of Object.entries(changed)) {
    const before = Object.hasOwn(patch, field) ? patch[field] : undefined;
    setOwn(patch, field, isJsonObject(value) && isJsonObject(before) ? joined(before, value) : value);
  }
  return patch;
}

import { isDeepStrictEqual } from "node:util";
import { resolveSchema, type Schema } from "../schema.ts";
import { goText } from "./go-text.ts";
import { isJsonObject, setOwn, type Json, type JsonObject } from "./merge-patch.ts";

/** The patch does not fit the type it is for, e.g. a list item without its merge key. */
export class StrategicPatchError extends Error {
  override readonly name = "StrategicPatchError";
}

const directive = "$patch";
const retainKeys = "$retainKeys";
const elementOrder = "$setElementOrder/";
const deleteFromList = "$deleteFromPrimitiveList/";

/**
 * Kubernetes' own merge patch: like a JSON merge patch, but lists whose schema says so are merged by key, and directives inside
 * the patch delete, replace, reorder and restrict (upstream: apimachinery/pkg/util/strategicpatch). @throws StrategicPatchError
 */
export function applyStrategicMergePatch(target: JsonObject, patch: JsonObject, schema: Schema): JsonObject {
  return mergeObjects(target, patch, resolveSchema(schema));
}

function mergeObjects(target: JsonObject, patch: JsonObject, schema: Schema): JsonObject {
  const instruction = patch[directive];
  if (instruction === "replace") return withoutDirectives(patch) as JsonObject;
  if (instruction === "delete") return {};
  if (instruction !== undefined && instruction !== "merge") {
    throw new StrategicPatchError(`Unknown patch type: ${JSON.stringify(instruction)}`);
  }
  const result: Record<string, Json> = retained(target, patch[retainKeys]);
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith(deleteFromList)) {
      const name = field.slice(deleteFromList.length);
      const current = result[name];
      if (Array.isArray(current)) result[name] = withoutValues(current, value);
    }
  }
  for (const [field, value] of Object.entries(patch)) {
    if (field === directive || field === retainKeys || field.startsWith(elementOrder) || field.startsWith(deleteFromList))
      continue;
    if (value === null) {
      Reflect.deleteProperty(result, field);
      continue;
    }
    const fieldSchema = fieldOf(schema, field);
    setOwn(result, field, mergeValues(result[field], value, fieldSchema, field));
  }
  for (const [field, order] of Object.entries(patch)) {
    if (!field.startsWith(elementOrder) || !Array.isArray(order)) continue;
    const name = field.slice(elementOrder.length);
    const current = result[name];
    if (Array.isArray(current)) {
      result[name] = ordered(current, order, target[name], mergeKeyOf(fieldOf(schema, name)));
    }
  }
  return result;
}

function mergeValues(current: Json | undefined, value: Json, schema: Schema, field: string): Json {
  if (isJsonObject(value)) {
    const base = isJsonObject(current) ? current : {};
    return mergeObjects(base, value, resolveSchema(schema));
  }
  if (Array.isArray(value) && strategyOf(schema).includes("merge")) {
    const base = Array.isArray(current) ? (current as readonly Json[]) : [];
    const key = mergeKeyOf(schema);
    return key === undefined
      ? union(base, value as readonly Json[])
      : mergeLists(base, value as readonly Json[], key, schema, field);
  }
  return withoutDirectives(value);
}

function mergeLists(current: readonly Json[], patch: readonly Json[], key: string, schema: Schema, field: string): Json {
  const itemSchema = resolveSchema(schema.items ?? {});
  if (patch.some((item) => isJsonObject(item) && item[directive] === "replace")) {
    return patch.filter((item) => !(isJsonObject(item) && item[directive] === "replace")).map(withoutDirectives);
  }
  let result = [...current];
  for (const item of patch) {
    if (!isJsonObject(item))
      throw new StrategicPatchError(`invalid type for list item of ${field}: every item must be an object`);
    const id = item[key];
    if (id === undefined) {
      throw new StrategicPatchError(`map: ${goText(item)} does not contain declared merge key: ${key}`);
    }
    const matches = (other: Json): boolean => isJsonObject(other) && isDeepStrictEqual(other[key], id);
    if (item[directive] === "delete") {
      result = result.filter((other) => !matches(other));
      continue;
    }
    const at = result.findIndex(matches);
    const existing = result[at];
    if (at === -1) result.push(mergeObjects({}, item, itemSchema));
    else result[at] = mergeObjects(isJsonObject(existing) ? existing : {}, item, itemSchema);
  }
  return result;
}

/** Keeps only the listed fields of the target, when there is a list. */
function retained(target: JsonObject, keep: Json | undefined): Record<string, Json> {
  if (!Array.isArray(keep)) return { ...target };
  return Object.fromEntries(Object.entries(target).filter(([field]) => keep.includes(field)));
}

function union(current: readonly Json[], added: readonly Json[]): Json {
  return [...current, ...added.filter((value) => !current.some((other) => isDeepStrictEqual(other, value)))];
}

function withoutValues(current: readonly Json[], removed: Json): Json {
  const gone = Array.isArray(removed) ? removed : [];
  return current.filter((value) => !gone.some((other) => isDeepStrictEqual(other, value)));
}

/**
 * Puts the items that the patch speaks of into the order it gives, and leaves items only the server has where they were: each
 * follows the item it followed before.
 */
function ordered(merged: readonly Json[], order: readonly Json[], original: Json | undefined, key: string | undefined): Json {
  const idOf = (item: Json): Json | undefined => (key === undefined ? item : isJsonObject(item) ? item[key] : undefined);
  const wanted = order.map((item) => idOf(item));
  const rank = (item: Json): number => wanted.findIndex((id) => isDeepStrictEqual(id, idOf(item)));
  const known = [...merged].filter((item) => rank(item) !== -1).sort((left, right) => rank(left) - rank(right));
  const serverOnly = merged.filter((item) => rank(item) === -1);
  const before = Array.isArray(original) ? (original as readonly Json[]) : [];
  const positionBefore = (item: Json): number => before.findIndex((other) => isDeepStrictEqual(idOf(other), idOf(item)));
  const result: Json[] = [];
  let next = 0;
  for (const item of known) {
    const position = positionBefore(item);
    while (next < serverOnly.length && position !== -1 && positionBefore(serverOnly[next] ?? null) < position) {
      result.push(serverOnly[next] ?? null);
      next++;
    }
    result.push(item);
  }
  return [...result, ...serverOnly.slice(next)];
}

function withoutDirectives(value: Json): Json {
  if (Array.isArray(value)) {
    return (value as readonly Json[])
      .filter((item) => !(isJsonObject(item) && item[directive] === "delete"))
      .map(withoutDirectives);
  }
  if (!isJsonObject(value)) return value;
  const result: Record<string, Json> = {};
  for (const [field, entry] of Object.entries(value)) {
    if (field === directive || field === retainKeys || field.startsWith(elementOrder) || field.startsWith(deleteFromList))
      continue;
    if (entry !== null) setOwn(result, field, withoutDirectives(entry));
  }
  return result;
}

function fieldOf(schema: Schema, field: string): Schema {
  return schema.properties?.[field] ?? schema.additionalProperties ?? {};
}

/** A field may say how to patch it beside the reference to its type. */
function strategyOf(schema: Schema): readonly string[] {
  return (schema["x-kubernetes-patch-strategy"] ?? "").split(",");
}

function mergeKeyOf(schema: Schema): string | undefined {
  return schema["x-kubernetes-patch-merge-key"];
}

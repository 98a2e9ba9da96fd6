import { isDeepStrictEqual } from "node:util";
import { resolveSchema, type Schema } from "../schema.ts";
import { orderedItems } from "./element-order.ts";
import { goText, goType } from "./go-text.ts";
import { isJsonObject, setOwn, type Json, type JsonObject } from "./merge-patch.ts";
import { StrategicPatchError } from "./strategic-patch-error.ts";

const directive = "$patch";
const retainKeys = "$retainKeys";
const elementOrder = "$setElementOrder";
const deleteFromList = "$deleteFromPrimitiveList";

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
  if (instruction !== undefined) throw unknownInstruction(instruction, patch);
  const result: Record<string, Json> = retained(target, patch);
  for (const [name, value] of listsOf(patch, deleteFromList, "invalid patch format of primitive list")) {
    const current = result[name];
    if (isList(current) && isList(value)) result[name] = withoutValues(current, value);
  }
  const orders = new Map(listsOf(patch, elementOrder, "invalid patch format of setElementOrder list"));
  for (const [name, order] of orders) checkOrder(patch[name], order, mergeKeyOf(fieldOf(schema, name)));
  for (const [field, value] of Object.entries(patch)) {
    if (isDirective(field)) continue;
    if (value === null) Reflect.deleteProperty(result, field);
    else setOwn(result, field, mergeValues(result[field], value, fieldOf(schema, field)));
  }
  for (const [name, order] of orders) {
    const current = result[name];
    const before = target[name];
    if (!isList(current) || !isList(order)) continue;
    setOwn(result, name, orderedItems(current, order, isList(before) ? before : [], mergeKeyOf(fieldOf(schema, name))));
  }
  return result;
}

/** What nobody has yet is taken as the patch has it; what is of another kind is replaced. */
function mergeValues(current: Json | undefined, value: Json, schema: Schema): Json {
  if (isJsonObject(value)) return mergeObjects(isJsonObject(current) ? current : {}, value, resolveSchema(schema));
  if (!isList(value) || !isList(current) || !strategyOf(schema).includes("merge")) return withoutDirectives(value);
  if (current.length === 0 && value.length === 0) return [];
  const key = mergeKeyOf(schema);
  const merged = isListOfObjects(current, value) ? mergeLists(current, value, key, schema) : union(current, value);
  // An item that replaces all leaves no order of the list before.
  if (value.some(replacesAll)) return merged;
  return orderedItems(merged, value.filter(isNotDeleted), current, key);
}

function mergeLists(current: readonly Json[], patch: readonly Json[], key: string | undefined, schema: Schema): readonly Json[] {
  if (key === undefined) throw new StrategicPatchError("cannot merge lists without merge key for type struct");
  const itemSchema = resolveSchema(schema.items ?? {});
  const items = patch as readonly JsonObject[];
  let result = withoutDeleted(current, items, key);
  if (items.some(replacesAll)) return items.filter((item) => item[directive] === undefined).map(withoutDirectives);
  for (const item of items) {
    if (item[directive] !== undefined) continue;
    const id = keyOf(item, key);
    const at = result.findIndex((other) => isJsonObject(other) && isDeepStrictEqual(other[key], id));
    const existing = result[at];
    result =
      at === -1
        ? [...result, mergeObjects({}, item, itemSchema)]
        : result.with(at, mergeObjects(isJsonObject(existing) ? existing : {}, item, itemSchema));
  }
  return result;
}

/** Every item of that key goes, as often as it is there. */
function withoutDeleted(current: readonly Json[], patch: readonly JsonObject[], key: string): readonly Json[] {
  const gone: Json[] = [];
  for (const item of patch) {
    const instruction = item[directive];
    if (instruction === undefined || instruction === "replace") continue;
    if (instruction === "merge") throw new StrategicPatchError("merging lists cannot yet be specified in the patch");
    if (instruction !== "delete") throw unknownInstruction(instruction, item);
    gone.push(keyOf(item, key));
  }
  return current.filter((item) => !(isJsonObject(item) && gone.some((id) => isDeepStrictEqual(item[key], id))));
}

function keyOf(item: JsonObject, key: string): Json {
  const id = item[key];
  if (id === undefined) throw new StrategicPatchError(`map: ${goText(item)} does not contain declared merge key: ${key}`);
  return id;
}

/** @throws StrategicPatchError where the items are not all of one kind, or are lists. */
function isListOfObjects(current: readonly Json[], patch: readonly Json[]): boolean {
  const kinds = new Set([...current, ...patch].map(goType));
  if ([...current, ...patch].some(isList)) throw new StrategicPatchError("lists of lists are not supported", "doesNotApply");
  if (kinds.size > 1) throw new StrategicPatchError(`list element types are not identical: ${goText([current, patch])}`);
  return isJsonObject([...current, ...patch][0]);
}

/** The relative order of what the patch sets must be that of its order, which must name all of it. */
function checkOrder(patch: Json | undefined, order: Json, key: string | undefined): void {
  if (!isList(order)) throw unexpectedType("[]interface {}", order);
  if (patch === undefined || patch === null || order.length === 0) return;
  if (!isList(patch)) throw unexpectedType("[]interface {}", patch);
  const idOf = (item: Json): Json => {
    if (key === undefined) return item;
    if (!isJsonObject(item)) throw unexpectedType("map[string]interface {}", item);
    return keyOf(item, key);
  };
  const ids = patch.filter((item) => !isJsonObject(item) || item[directive] === undefined).map(idOf);
  let next = 0;
  for (const item of order) {
    const id = idOf(item);
    if (next < ids.length && isDeepStrictEqual(ids[next], id)) next++;
  }
  if (next === ids.length) return;
  throw new StrategicPatchError(
    `The order in patch list:\n${goText(patch)}\n doesn't match ${elementOrder} list:\n${goText(order)}\n`,
  );
}

/** Keeps only the listed fields of the target, when there is a list; the patch may set no other. */
function retained(target: JsonObject, patch: JsonObject): Record<string, Json> {
  const keep = patch[retainKeys];
  if (keep === undefined) return { ...target };
  const set = Object.entries(patch).filter(([field, value]) => value !== null && !isDirective(field));
  if (!isList(keep) || set.some(([field]) => !keep.includes(field)))
    throw new StrategicPatchError("invalid patch format of retainKeys");
  return Object.fromEntries(Object.entries(target).filter(([field]) => keep.includes(field)));
}

/** The lists beside a list: `$deleteFromPrimitiveList/finalizers` goes with `finalizers`. */
function listsOf(patch: JsonObject, prefix: string, malformed: string): [name: string, value: Json][] {
  return Object.entries(patch)
    .filter(([field]) => field.startsWith(prefix))
    .map(([field, value]) => {
      if (!field.startsWith(`${prefix}/`)) throw new StrategicPatchError(malformed);
      return [field.slice(prefix.length + 1), value];
    });
}

function isDirective(field: string): boolean {
  return field === directive || field === retainKeys || field.startsWith(elementOrder) || field.startsWith(deleteFromList);
}

function unknownInstruction(instruction: Json, patch: JsonObject): StrategicPatchError {
  return new StrategicPatchError(`unknown patch type: ${goText(instruction)} in map: ${goText(patch)}`);
}

function unexpectedType(expected: string, actual: Json): StrategicPatchError {
  return new StrategicPatchError(`expected a ${expected}, but received a ${goType(actual)}`);
}

function replacesAll(item: Json): boolean {
  return isJsonObject(item) && item[directive] === "replace";
}

function isNotDeleted(item: Json): boolean {
  return !isJsonObject(item) || item[directive] === undefined;
}

function union(current: readonly Json[], added: readonly Json[]): readonly Json[] {
  return [...new Set([...current, ...added])];
}

function withoutValues(current: readonly Json[], gone: readonly Json[]): Json {
  return current.filter((value) => !gone.some((other) => isDeepStrictEqual(other, value)));
}

function withoutDirectives(value: Json): Json {
  if (isList(value))
    return value
      .filter((item) => !(isJsonObject(item) && item[directive] === "delete") && !replacesAll(item))
      .map(withoutDirectives);
  if (!isJsonObject(value)) return value;
  const result: Record<string, Json> = {};
  for (const [field, entry] of Object.entries(value)) {
    if (entry !== null && !isDirective(field)) setOwn(result, field, withoutDirectives(entry));
  }
  return result;
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
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

import { isDeepStrictEqual } from "node:util";
import { resolveSchema, type Schema } from "../schema.ts";
import { isJsonObject, setOwn, type Json, type JsonObject } from "./merge-patch.ts";
import { StrategicPatchError } from "./strategic-patch-error.ts";
import { goText } from "./go-text.ts";

/** The strategic merge patch that makes `modified` of `original` (upstream: strategicpatch.CreateTwoWayMergePatch). */
export function createStrategicMergePatch(original: JsonObject, modified: JsonObject, schema: Schema): JsonObject {
  return diffObjects(original, modified, resolveSchema(schema), { changes: true, deletions: true, order: false, retain: false });
}

/**
 * What `kubectl apply` sends (upstream: strategicpatch.CreateThreeWayMergePatch): what `modified` says and `current` does not,
 * and deletions of what was applied last, `original`, and is in `modified` no more. What others added to `current` stays.
 * @throws StrategicPatchError when an item of a list that is merged by key has none
 */
export function createThreeWayStrategicMergePatch(
  original: JsonObject,
  modified: JsonObject,
  current: JsonObject,
  schema: Schema,
): JsonObject {
  const root = resolveSchema(schema);
  const additions = diffObjects(current, modified, root, { changes: true, deletions: false, order: true, retain: false });
  const deletions = diffObjects(original, modified, root, { changes: false, deletions: true, order: true, retain: false });
  return joinObjects(deletions, additions, root);
}

interface DiffOptions {
  readonly changes: boolean;
  readonly deletions: boolean;
  /** Say in which order the items of lists come. */
  readonly order: boolean;
  /** Of this object only the listed fields may stay: it is one of several alternatives. */
  readonly retain: boolean;
}

const orderPrefix = "$setElementOrder/";
const deletePrefix = "$deleteFromPrimitiveList/";
const retainKeys = "$retainKeys";

function diffObjects(original: JsonObject, modified: JsonObject, schema: Schema, options: DiffOptions): JsonObject {
  const patch: Record<string, Json> = {};
  for (const [field, value] of Object.entries(modified)) {
    const before = Object.hasOwn(original, field) ? original[field] : undefined;
    const fieldSchema = fieldOf(schema, field);
    if (isJsonObject(before) && isJsonObject(value)) diffObjectField(patch, field, before, value, fieldSchema, options);
    else if (Array.isArray(before) && Array.isArray(value) && strategiesOf(fieldSchema).includes("merge")) {
      diffListField(patch, field, before, value, fieldSchema, options);
    } else if (options.changes && !isDeepStrictEqual(before, value)) setOwn(patch, field, value);
  }
  const gone = Object.keys(original).filter((field) => !Object.hasOwn(modified, field));
  if (options.deletions) for (const field of gone) setOwn(patch, field, null);
  const kept = Object.entries(modified).filter(([, value]) => value !== null);
  if (options.retain && kept.length > 0 && (Object.keys(patch).length > 0 || gone.length > 0)) {
    patch[retainKeys] = kept.map(([field]) => field).sort();
  }
  return patch;
}

function diffObjectField(
  patch: Record<string, Json>,
  field: string,
  before: JsonObject,
  value: JsonObject,
  schema: Schema,
  options: DiffOptions,
): void {
  const strategies = strategiesOf(schema);
  if (strategies.includes("replace")) {
    if (options.changes && !isDeepStrictEqual(before, value)) setOwn(patch, field, value);
    return;
  }
  const inner = diffObjects(before, value, resolveSchema(schema), { ...options, retain: strategies.includes("retainKeys") });
  if (Object.keys(inner).length > 0) setOwn(patch, field, inner);
}

function diffListField(
  patch: Record<string, Json>,
  field: string,
  before: readonly Json[],
  after: readonly Json[],
  schema: Schema,
  options: DiffOptions,
): void {
  if (before.length === 0) {
    if (options.changes && after.length > 0) setOwn(patch, field, after);
    return;
  }
  const key = schema["x-kubernetes-patch-merge-key"];
  const found = key === undefined ? diffScalars(before, after, options) : diffItems(before, after, key, field, schema, options);
  if (found.items.length > 0) setOwn(patch, field, found.items);
  if (found.deleted.length > 0) patch[deletePrefix + field] = found.deleted;
  if (found.order.length > 0) patch[orderPrefix + field] = found.order;
}

interface ListDiff {
  readonly items: readonly Json[];
  readonly deleted: readonly Json[];
  readonly order: readonly Json[];
}

function diffScalars(before: readonly Json[], after: readonly Json[], options: DiffOptions): ListDiff {
  const items = options.changes ? after.filter((value) => !includes(before, value)) : [];
  const deleted = options.deletions ? before.filter((value) => !includes(after, value)) : [];
  const reordered = options.changes && !isDeepStrictEqual(before, after);
  return { items, deleted, order: options.order && (deleted.length > 0 || reordered) ? after : [] };
}

function diffItems(
  before: readonly Json[],
  after: readonly Json[],
  key: string,
  field: string,
  schema: Schema,
  options: DiffOptions,
): ListDiff {
  const idOf = (item: Json): Json => identityOf(item, key, field);
  const itemSchema = resolveSchema(schema.items ?? {});
  const retain = strategiesOf(schema).includes("retainKeys");
  const changed = after.flatMap((item): Json[] => {
    const old = before.find((other) => isDeepStrictEqual(idOf(other), idOf(item)));
    if (old === undefined) return options.changes ? [item] : [];
    const inner = diffObjects(old as JsonObject, item as JsonObject, itemSchema, { ...options, retain });
    return Object.keys(inner).length === 0 ? [] : [{ ...inner, [key]: idOf(item) }];
  });
  const afterIds = after.map(idOf);
  const gone = options.deletions ? before.filter((item) => !includes(afterIds, idOf(item))) : [];
  const items = [...changed, ...gone.map((item) => ({ $patch: "delete", [key]: idOf(item) }))];
  const reordered = !isDeepStrictEqual(before.map(idOf), afterIds);
  const speaksOfOrder = (options.changes && (items.length > 0 || reordered)) || (options.deletions && items.length > 0);
  return { items, deleted: [], order: options.order && speaksOfOrder ? afterIds.map((id) => ({ [key]: id })) : [] };
}

function identityOf(item: Json, key: string, field: string): Json {
  if (!isJsonObject(item)) throw new StrategicPatchError(`every item of ${field} must be an object`);
  const id = item[key];
  if (id === undefined) throw new StrategicPatchError(`map: ${goText(item)} does not contain declared merge key: ${key}`);
  return id;
}

/** Two patches as one. Where both speak of a value, the second counts. */
function joinObjects(first: JsonObject, second: JsonObject, schema: Schema): JsonObject {
  const joined: Record<string, Json> = { ...first };
  for (const [field, value] of Object.entries(second)) {
    const before = Object.hasOwn(joined, field) ? joined[field] : undefined;
    setOwn(joined, field, joinValues(before, value, fieldOf(schema, field)));
  }
  for (const [field, order] of Object.entries(joined)) {
    const name = field.slice(orderPrefix.length);
    const items = joined[name];
    if (field.startsWith(orderPrefix) && Array.isArray(order) && Array.isArray(items))
      joined[name] = inOrder(items as readonly Json[], order as readonly Json[], fieldOf(schema, name));
  }
  return joined;
}

/** A server refuses items that come in another order than the patch itself asks for. Deletions are last. */
function inOrder(items: readonly Json[], order: readonly Json[], schema: Schema): readonly Json[] {
  const key = schema["x-kubernetes-patch-merge-key"];
  const idOf = (item: Json): Json | undefined => (key !== undefined && isJsonObject(item) ? item[key] : item);
  const rank = (item: Json): number => {
    const at = order.findIndex((other) => isDeepStrictEqual(idOf(other), idOf(item)));
    return at === -1 ? order.length : at;
  };
  return [...items].sort((left, right) => rank(left) - rank(right));
}

function joinValues(before: Json | undefined, value: Json, schema: Schema): Json {
  const strategies = strategiesOf(schema);
  if (isJsonObject(before) && isJsonObject(value)) {
    return strategies.includes("replace") ? value : joinObjects(before, value, resolveSchema(schema));
  }
  const key = schema["x-kubernetes-patch-merge-key"];
  if (!Array.isArray(before) || !Array.isArray(value) || !strategies.includes("merge") || key === undefined) return value;
  const itemSchema = resolveSchema(schema.items ?? {});
  const firsts = before as readonly JsonObject[];
  const seconds = value as readonly JsonObject[];
  const same = (left: JsonObject, right: JsonObject): boolean => isDeepStrictEqual(left[key], right[key]);
  const joined = seconds.map((item) => {
    const other = firsts.find((candidate) => same(candidate, item));
    return other === undefined ? item : joinObjects(other, item, itemSchema);
  });
  return [...joined, ...firsts.filter((item) => !seconds.some((other) => same(other, item)))];
}

function includes(list: readonly Json[], value: Json): boolean {
  return list.some((other) => isDeepStrictEqual(other, value));
}

function fieldOf(schema: Schema, field: string): Schema {
  return schema.properties?.[field] ?? schema.additionalProperties ?? {};
}

function strategiesOf(schema: Schema): readonly string[] {
  return (schema["x-kubernetes-patch-strategy"] ?? "").split(",");
}

import { isDeepStrictEqual } from "node:util";
import { resolveSchema, type Schema } from "../schema.ts";
import { leaf, node, union, type FieldSet } from "./field-set.ts";

/** What a write does to the fields of an object. */
export interface FieldChanges {
  /** Made or given another value: whoever writes owns them from now on. */
  readonly taken: FieldSet | undefined;
  /** Not there any more: nobody owns them. */
  readonly gone: FieldSet | undefined;
}

/**
 * Compares two objects field by field, as far as their schema divides them: lists and maps that it calls atomic are one field each
 * (upstream: structured-merge-diff, typed/compare.go).
 */
export function compareFields(old: object, next: object, schema: Schema): FieldChanges {
  return compareValues(old, next, schema) ?? unchanged;
}

const unchanged: FieldChanges = { taken: undefined, gone: undefined };

type Fields = Readonly<Record<string, unknown>>;

/** Undefined stands for an absent value, and for no change. */
function compareValues(old: unknown, next: unknown, schema: Schema): FieldChanges | undefined {
  if (old === next) return undefined;
  if (Array.isArray(old) !== Array.isArray(next) && old !== undefined && next !== undefined) return compareLeaves(old, next);
  const type = resolveSchema(schema);
  switch (Array.isArray(next ?? old) && type.type !== "array" ? "leaf" : shapeOf(type, schema)) {
    case "leaf":
      return compareLeaves(old, next);
    case "struct":
      return compareChildren(old, next, structFields(old, type), structFields(next, type), (step) => fieldSchema(type, step));
    case "map":
      return compareChildren(old, next, mapFields(old), mapFields(next), () => type.additionalProperties ?? {});
    case "keyedList":
      return compareChildren(old, next, keyedItems(old, schema), keyedItems(next, schema), itemSchema(schema));
    case "set":
      return compareChildren(old, next, setItems(old), setItems(next), () => scalar);
  }
}

type Shape = "leaf" | "struct" | "map" | "keyedList" | "set";

const scalar: Schema = { type: "string" };

/** A field says how its list is divided, a type how its map is. */
function shapeOf(type: Schema, field: Schema): Shape {
  if (type.type === "array") {
    if (field["x-kubernetes-list-type"] === "map") return "keyedList";
    return field["x-kubernetes-list-type"] === "set" ? "set" : "leaf";
  }
  const isAtomic = (field["x-kubernetes-map-type"] ?? type["x-kubernetes-map-type"]) === "atomic";
  if (type.type !== "object" || isAtomic) return "leaf";
  if (type.properties !== undefined) return "struct";
  return type.additionalProperties === undefined ? "leaf" : "map";
}

function compareLeaves(old: unknown, next: unknown): FieldChanges | undefined {
  if (next === undefined) return { taken: undefined, gone: leaf };
  if (old !== undefined && isDeepStrictEqual(old, next)) return undefined;
  return { taken: leaf, gone: undefined };
}

function compareChildren(
  old: unknown,
  next: unknown,
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
  schemaOf: (step: string) => Schema,
): FieldChanges | undefined {
  const taken: Record<string, FieldSet> = {};
  const gone: Record<string, FieldSet> = {};
  const compare = (step: string): void => {
    const changes = compareValues(before.get(step), after.get(step), schemaOf(step));
    if (changes?.taken !== undefined) taken[step] = changes.taken;
    if (changes?.gone !== undefined) gone[step] = changes.gone;
  };
  for (const step of after.keys()) compare(step);
  for (const step of before.keys()) if (!after.has(step)) compare(step);
  const changes = { taken: node(old === undefined, taken), gone: node(next === undefined, gone) };
  return changes.taken === undefined && changes.gone === undefined ? undefined : changes;
}

/** Go's structs that are no pointers are there even when nothing is said of them, and so are lists without omitempty. */
function structFields(value: unknown, type: Schema): ReadonlyMap<string, unknown> {
  const fields = new Map<string, unknown>();
  if (value === undefined) return fields;
  const object = value as Fields;
  for (const [name, schema] of Object.entries(type.properties ?? {})) {
    const given = Object.hasOwn(object, name) ? object[name] : undefined;
    const present = given ?? alwaysThere(name, schema, type);
    if (present !== undefined) fields.set(`f:${name}`, present);
  }
  return fields;
}

const nothing: Fields = Object.freeze({});
const noItems: readonly unknown[] = Object.freeze([]);

function alwaysThere(name: string, schema: Schema, parent: Schema): unknown {
  if (schema.$ref !== undefined && schema.default !== undefined && resolveSchema(schema).type === "object") return nothing;
  return schema.type === "array" && parent.required?.includes(name) === true ? noItems : undefined;
}

function fieldSchema(type: Schema, step: string): Schema {
  return type.properties?.[step.slice(2)] ?? {};
}

function mapFields(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(Object.entries((value ?? nothing) as Fields).map(([key, entry]) => [`f:${key}`, entry]));
}

/** Items with the same key cannot be told apart: an array of them stands for one field. */
function keyedItems(value: unknown, schema: Schema): ReadonlyMap<string, unknown> {
  const items = new Map<string, unknown>();
  for (const item of (value ?? noItems) as readonly unknown[]) {
    const step = `k:${JSON.stringify(keyOf(item, schema))}`;
    const other = items.get(step);
    if (other === undefined) items.set(step, item);
    else items.set(step, Array.isArray(other) ? [...(other as unknown[]), item] : [other, item]);
  }
  return items;
}

function keyOf(item: unknown, schema: Schema): Fields {
  const { properties } = resolveSchema(schema.items ?? {});
  const key: Record<string, unknown> = {};
  for (const name of [...(schema["x-kubernetes-list-map-keys"] ?? [])].sort()) {
    const value = (item as Fields)[name] ?? properties?.[name]?.default;
    if (value !== undefined) key[name] = value;
  }
  return key;
}

function itemSchema(schema: Schema): (step: string) => Schema {
  return () => schema.items ?? {};
}

function setItems(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(((value ?? noItems) as readonly unknown[]).map((item) => [`v:${JSON.stringify(item)}`, item]));
}

/** Everything that a write touched. */
export function touched({ taken, gone }: FieldChanges): FieldSet | undefined {
  return union(taken, gone);
}

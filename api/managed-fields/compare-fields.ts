import { sameJson } from "#base/same-json";
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
      return compareStructs(old as Fields | undefined, next as Fields | undefined, structOf(type));
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
  if (old !== undefined && sameJson(old, next)) return undefined;
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

/** As `compareChildren`, without a map of the fields: most of an object is structs, and most of a write changes little. */
function compareStructs(old: Fields | undefined, next: Fields | undefined, struct: Struct): FieldChanges | undefined {
  let taken: Record<string, FieldSet> | undefined;
  let gone: Record<string, FieldSet> | undefined;
  const compare = (name: string, field: Field): void => {
    const before = valueIn(old, name, field);
    const after = valueIn(next, name, field);
    if (before === after) return;
    const changes = compareValues(before, after, field.schema);
    if (changes?.taken !== undefined) (taken ??= {})[field.step] = changes.taken;
    if (changes?.gone !== undefined) (gone ??= {})[field.step] = changes.gone;
  };
  for (const [name, field] of struct.alwaysThere) compare(name, field);
  const ordinary = (name: string): Field | undefined => {
    const field = struct.fields.get(name);
    return field === undefined || field.alwaysThere !== undefined ? undefined : field;
  };
  for (const name in next) {
    const field = ordinary(name);
    if (field !== undefined) compare(name, field);
  }
  for (const name in old) {
    const field = ordinary(name);
    if (field !== undefined && (next === undefined || !Object.hasOwn(next, name))) compare(name, field);
  }
  const changes = { taken: node(old === undefined, taken ?? none), gone: node(next === undefined, gone ?? none) };
  return changes.taken === undefined && changes.gone === undefined ? undefined : changes;
}

const none: Readonly<Record<string, FieldSet>> = Object.freeze({});

interface Field {
  /** `f:NAME` */
  readonly step: string;
  readonly schema: Schema;
  /** What stands for it where nothing is said. */
  readonly alwaysThere: unknown;
}

interface Struct {
  readonly fields: ReadonlyMap<string, Field>;
  readonly alwaysThere: ReadonlyMap<string, Field>;
}

const structs = new WeakMap<Schema, Struct>();

function structOf(type: Schema): Struct {
  const known = structs.get(type);
  if (known !== undefined) return known;
  const fields = new Map(
    Object.entries(type.properties ?? {}).map(([name, schema]): [string, Field] => [
      name,
      { step: `f:${name}`, schema, alwaysThere: alwaysThere(name, schema, type) },
    ]),
  );
  const struct = { fields, alwaysThere: new Map([...fields].filter(([, field]) => field.alwaysThere !== undefined)) };
  structs.set(type, struct);
  return struct;
}

function valueIn(object: Fields | undefined, name: string, field: Field): unknown {
  if (object === undefined) return undefined;
  return (Object.hasOwn(object, name) ? object[name] : undefined) ?? field.alwaysThere;
}

const nothing: Fields = Object.freeze({});
const noItems: readonly unknown[] = Object.freeze([]);

/** Go's structs that are no pointers are there even when nothing is said of them, and so are lists without omitempty. */
function alwaysThere(name: string, schema: Schema, parent: Schema): unknown {
  if (schema.$ref !== undefined && schema.default !== undefined && resolveSchema(schema).type === "object") return nothing;
  return schema.type === "array" && parent.required?.includes(name) === true ? noItems : undefined;
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

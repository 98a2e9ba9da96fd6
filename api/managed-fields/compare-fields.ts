import { sameJson } from "#base/same-json";
import { resolveSchema, type Schema } from "../schema.ts";
import { compareSteps, knownFieldSet, leaf, node, union, type FieldSet } from "./field-set.ts";

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
  if (old === undefined) return { taken: allFields(next, schema), gone: undefined };
  if (Array.isArray(old) !== Array.isArray(next) && next !== undefined) return compareLeaves(old, next);
  const plan = planOf(schema);
  switch (shapeIn(plan, next ?? old)) {
    case "leaf":
      return compareLeaves(old, next);
    case "struct":
      return compareStructs(old as Fields, next as Fields | undefined, plan.struct);
    case "map":
      return compareChildren(next, mapFields(old), mapFields(next), plan.inner);
    case "keyedList":
      return compareChildren(next, keyedItems(old, plan.keys), keyedItems(next, plan.keys), plan.inner);
    case "set":
      return compareChildren(next, setItems(old), setItems(next), plan.inner);
  }
}

/** All fields of a value that was not there before. */
function allFields(value: unknown, schema: Schema): FieldSet {
  const parts: string[] = [];
  writeFields(value, planOf(schema), parts);
  return knownFieldSet(parts.join(""));
}

/**
 * What is new is made of the same fields again and again, pod after pod: their set is written as JSON, which is cheap, and the text
 * finds the set that was made of it before.
 */
function writeFields(value: unknown, plan: Plan, parts: string[]): void {
  switch (shapeIn(plan, value)) {
    case "leaf":
      parts.push("{}");
      break;
    case "struct":
      writeStruct(value as Fields, plan.struct, parts);
      break;
    case "map":
      writeMap((value ?? nothing) as Fields, plan, parts);
      break;
    case "keyedList":
      writeChildren(keyedItems(value, plan.keys), plan, parts);
      break;
    case "set":
      writeChildren(setItems(value), plan, parts);
  }
}

function writeStruct(value: Fields, { fields, alwaysThere }: Struct, parts: string[]): void {
  const present: Field[] = [];
  for (const name in value) {
    const field = fields.get(name);
    if (field !== undefined && field.alwaysThere === undefined && value[name] !== undefined) insert(present, field);
  }
  for (const field of alwaysThere.values()) insert(present, field);
  if (present.length === 0) {
    parts.push("{}");
    return;
  }
  parts.push(member);
  for (const field of present) {
    parts.push(field.label);
    field.plan ??= planOf(field.schema);
    if (field.plan.shape === "leaf") parts.push("{}");
    else writeFields(value[field.name] ?? field.alwaysThere, field.plan, parts);
  }
  parts.push("}");
}

function writeMap(value: Fields, plan: Plan, parts: string[]): void {
  const keys = Object.keys(value).sort();
  const inner = planOf(plan.inner);
  parts.push(keys.length === 0 ? "{" : member);
  for (const key of keys) {
    parts.push(",", JSON.stringify(`f:${key}`), ":");
    writeFields(value[key], inner, parts);
  }
  parts.push("}");
}

function writeChildren(children: ReadonlyMap<string, unknown>, plan: Plan, parts: string[]): void {
  const steps = children.size === 1 ? children.keys() : [...children.keys()].sort(compareSteps);
  const inner = planOf(plan.inner);
  parts.push(children.size === 0 ? "{" : member);
  for (const step of steps) {
    parts.push(",", JSON.stringify(step), ":");
    writeFields(children.get(step), inner, parts);
  }
  parts.push("}");
}

/** A node that is a member and has children begins with this. */
const member = '{".":{}';

/** Few at a time, and mostly in order already. */
function insert(sorted: Field[], field: Field): void {
  let at = sorted.length;
  for (; at > 0 && (sorted[at - 1]?.rank ?? 0) > field.rank; at--) sorted[at] = sorted[at - 1] ?? field;
  sorted[at] = field;
}

type Shape = "leaf" | "struct" | "map" | "keyedList" | "set";

/** What a schema says about dividing its values into fields, worked out once. */
interface Plan {
  readonly shape: Shape;
  readonly isList: boolean;
  readonly struct: Struct;
  /** Of the items or entries. */
  readonly inner: Schema;
  readonly keys: readonly ItemKey[];
}

interface ItemKey {
  readonly name: string;
  /** The name as JSON, with its colon. */
  readonly label: string;
  readonly default: unknown;
}

const plans = new WeakMap<Schema, Plan>();

function planOf(schema: Schema): Plan {
  const known = plans.get(schema);
  if (known !== undefined) return known;
  const type = resolveSchema(schema);
  const shape = shapeOf(type, schema);
  const plan: Plan = {
    shape,
    isList: type.type === "array",
    struct: shape === "struct" ? structOf(type) : noStruct,
    inner: shape === "set" ? scalar : ((shape === "map" ? type.additionalProperties : schema.items) ?? anything),
    keys: shape === "keyedList" ? itemKeys(schema) : [],
  };
  plans.set(schema, plan);
  return plan;
}

/** Several items with one key are an array where none was announced: together they are one field. */
function shapeIn({ shape, isList }: Plan, value: unknown): Shape {
  return Array.isArray(value) && !isList ? "leaf" : shape;
}

const scalar: Schema = { type: "string" };
const anything: Schema = {};

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
  next: unknown,
  before: ReadonlyMap<string, unknown>,
  after: ReadonlyMap<string, unknown>,
  schema: Schema,
): FieldChanges | undefined {
  const taken: Record<string, FieldSet> = {};
  const gone: Record<string, FieldSet> = {};
  const compare = (step: string): void => {
    const changes = compareValues(before.get(step), after.get(step), schema);
    if (changes?.taken !== undefined) taken[step] = changes.taken;
    if (changes?.gone !== undefined) gone[step] = changes.gone;
  };
  for (const step of after.keys()) compare(step);
  for (const step of before.keys()) if (!after.has(step)) compare(step);
  const changes = { taken: node(false, taken), gone: node(next === undefined, gone) };
  return changes.taken === undefined && changes.gone === undefined ? undefined : changes;
}

/** As `compareChildren`, without a map of the fields: most of an object is structs, and most of a write changes little. */
function compareStructs(old: Fields, next: Fields | undefined, struct: Struct): FieldChanges | undefined {
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
  const changes = { taken: node(false, taken ?? none), gone: node(next === undefined, gone ?? none) };
  return changes.taken === undefined && changes.gone === undefined ? undefined : changes;
}

const none: Readonly<Record<string, FieldSet>> = Object.freeze({});

interface Field {
  readonly name: string;
  /** Of its step among the others of its struct. */
  readonly rank: number;
  /** `f:NAME` */
  readonly step: string;
  /** `,"f:NAME":` */
  readonly label: string;
  readonly schema: Schema;
  /** Made when first asked for: schemas refer to themselves. */
  plan: Plan | undefined;
  /** What stands for it where nothing is said. */
  readonly alwaysThere: unknown;
}

interface Struct {
  readonly fields: ReadonlyMap<string, Field>;
  readonly alwaysThere: ReadonlyMap<string, Field>;
}

const noStruct: Struct = { fields: new Map(), alwaysThere: new Map() };
const structs = new WeakMap<Schema, Struct>();

function structOf(type: Schema): Struct {
  const known = structs.get(type);
  if (known !== undefined) return known;
  const properties = Object.entries(type.properties ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
  const fields = new Map(
    properties.map(([name, schema], rank): [string, Field] => [
      name,
      {
        name,
        rank,
        step: `f:${name}`,
        label: `,"f:${name}":`,
        schema,
        plan: undefined,
        alwaysThere: alwaysThere(name, schema, type),
      },
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
function keyedItems(value: unknown, keys: readonly ItemKey[]): ReadonlyMap<string, unknown> {
  const items = new Map<string, unknown>();
  for (const item of (value ?? noItems) as readonly unknown[]) {
    const step = keyStep(item as Fields, keys);
    const other = items.get(step);
    if (other === undefined) items.set(step, item);
    else items.set(step, Array.isArray(other) ? [...(other as unknown[]), item] : [other, item]);
  }
  return items;
}

/** `k:{"containerPort":80,"protocol":"TCP"}` */
function keyStep(item: Fields, keys: readonly ItemKey[]): string {
  let text = "";
  for (const { name, label, default: byDefault } of keys) {
    const value = item[name] ?? byDefault;
    if (value !== undefined) text += `${text === "" ? "" : ","}${label}${JSON.stringify(value)}`;
  }
  return `k:{${text}}`;
}

function itemKeys(schema: Schema): readonly ItemKey[] {
  const { properties } = resolveSchema(schema.items ?? {});
  const names = [...(schema["x-kubernetes-list-map-keys"] ?? [])].sort();
  return names.map((name) => ({ name, label: `${JSON.stringify(name)}:`, default: properties?.[name]?.default }));
}

function setItems(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(((value ?? noItems) as readonly unknown[]).map((item) => [`v:${JSON.stringify(item)}`, item]));
}

/** Everything that a write touched. */
export function touched({ taken, gone }: FieldChanges): FieldSet | undefined {
  return union(taken, gone);
}

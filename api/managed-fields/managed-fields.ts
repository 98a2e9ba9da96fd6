import { sameJson } from "#base/same-json";
import type { ManagedFieldsEntry } from "../generated/types.ts";
import type { KubeObject } from "../object.ts";
import type { Schema } from "../schema.ts";
import { compareFields, touched } from "./compare-fields.ts";
import { difference, leaf, union, withoutRoot, type FieldSet } from "./field-set.ts";

export interface Update {
  /** Undefined for an object that is about to be made. */
  readonly old: KubeObject | undefined;
  /** As it is before admission and the server's own changes. */
  readonly next: KubeObject;
  readonly schema: Schema;
  readonly apiVersion: string;
  readonly manager: string;
  readonly subresource: string | undefined;
  /** RFC 3339, whole seconds. */
  readonly now: string;
}

/** How many managers of updates are told apart; the oldest are put together. */
const mostUpdateManagers = 10;
const oldestManagers = "ancient-changes";

/** Nobody manages these: who the object is, and what the server counts. */
const unmanaged: FieldSet = {
  "f:apiVersion": leaf,
  "f:kind": leaf,
  "f:metadata": {
    ".": leaf,
    "f:name": leaf,
    "f:namespace": leaf,
    "f:creationTimestamp": leaf,
    "f:selfLink": leaf,
    "f:uid": leaf,
    "f:generation": leaf,
    "f:managedFields": leaf,
    "f:resourceVersion": leaf,
  },
};

/**
 * Who manages which fields once an update or patch is through: its manager takes what it set, and nobody keeps what it removed
 * (upstream: apimachinery/pkg/util/managedfields). Undefined when nobody manages anything.
 */
export function managedFieldsAfter(update: Update): readonly ManagedFieldsEntry[] | undefined {
  const known = entriesOf(update);
  // Somebody emptied the list: until the next apply nobody keeps books about this object.
  const isTracked = update.old === undefined || known.length > 0;
  const entries = isTracked ? tracked(update, known) : known;
  return entries.length === 0 ? undefined : entries;
}

/** Whether two objects differ in nothing but when fields were last written. */
export function isSameButForTimes(left: KubeObject, right: KubeObject): boolean {
  return sameJson(withoutTimes(left), withoutTimes(right));
}

/** The name under which a client's changes are booked when it gives none. */
export function managerOf(fieldManager: string | null, userAgent: string): string {
  if (fieldManager !== null && fieldManager !== "") return fieldManager;
  const program = userAgent.split("/")[0] ?? "";
  return Array.from(program)
    .filter((character) => isPrintable(character))
    .join("")
    .slice(0, longestManager);
}

export const longestManager = 128;

/** As Go's unicode.IsPrint. */
export function isPrintable(character: string): boolean {
  return character === " " || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character);
}

/** The client's list when it sent one; one that cannot be read is taken for one that the client did not understand. */
function entriesOf({ old, next, subresource }: Update): readonly ManagedFieldsEntry[] {
  const stored = old?.metadata.managedFields ?? [];
  const sent = next.metadata.managedFields ?? [];
  if (subresource !== undefined || sent === stored) return stored;
  if (sent.length === 1 && Object.keys(sent[0] ?? {}).length === 0) return [];
  return sent.length > 0 && sent.every(isReadable) ? sent : stored;
}

function isReadable(entry: ManagedFieldsEntry): boolean {
  const isKnown = entry.operation === "Apply" || entry.operation === "Update";
  return isKnown && entry.fieldsType === "FieldsV1" && isFieldSet(entry.fieldsV1) && (entry.apiVersion ?? "") !== "";
}

function isFieldSet(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([step, child]) => /^(\.$|f:|k:\{|v:|i:\d)/.test(step) && isFieldSet(child));
}

function tracked(update: Update, known: readonly ManagedFieldsEntry[]): readonly ManagedFieldsEntry[] {
  const changes = compareFields(update.old ?? {}, update.next, update.schema);
  const all = touched(changes);
  if (all === undefined) return known;
  const left = known.flatMap((entry) => withFields(entry, difference(entry.fieldsV1 as FieldSet | undefined, all)));
  const taken = withoutRoot(difference(changes.taken, unmanaged));
  const isUnchanged = left.length === known.length && left.every((entry, index) => entry === known[index]);
  if (taken === undefined) return isUnchanged ? known : left;
  const isOwn = (entry: ManagedFieldsEntry): boolean =>
    entry.operation === "Update" &&
    entry.manager === update.manager &&
    entry.apiVersion === update.apiVersion &&
    entry.subresource === update.subresource;
  const before = left.find(isOwn);
  const own: ManagedFieldsEntry = {
    manager: update.manager,
    operation: "Update",
    apiVersion: update.apiVersion,
    time: update.now,
    fieldsType: "FieldsV1",
    fieldsV1: union(before?.fieldsV1 as FieldSet | undefined, taken) ?? leaf,
    ...(update.subresource !== undefined && { subresource: update.subresource }),
  };
  return capped([...left.filter((entry) => !isOwn(entry)), own]).sort(inOrder);
}

function withFields(entry: ManagedFieldsEntry, fields: FieldSet | undefined): ManagedFieldsEntry[] {
  const rest = withoutRoot(fields);
  if (rest === undefined) return [];
  return rest === entry.fieldsV1 || fields === entry.fieldsV1 ? [entry] : [{ ...entry, fieldsV1: rest }];
}

/** The second oldest of a version goes with the oldest into one entry, and so on until few enough are left. */
function capped(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const updates = entries.filter(({ operation }) => operation === "Update").sort(byTime);
  const kept = new Set(entries);
  const oldest = new Map<string, ManagedFieldsEntry>();
  let surplus = updates.length - mostUpdateManagers;
  for (const entry of updates) {
    if (surplus <= 0) break;
    const version = entry.apiVersion ?? "";
    const first = oldest.get(version);
    if (first === undefined) {
      oldest.set(version, entry);
      continue;
    }
    const { subresource: _, ...merged } = {
      ...first,
      manager: oldestManagers,
      fieldsV1: union(first.fieldsV1 as FieldSet | undefined, entry.fieldsV1 as FieldSet | undefined) ?? leaf,
      ...(entry.time !== undefined && { time: entry.time }),
    };
    kept.delete(first);
    kept.delete(entry);
    kept.add(merged);
    oldest.set(version, merged);
    surplus--;
  }
  return [...kept];
}

function byTime(left: ManagedFieldsEntry, right: ManagedFieldsEntry): number {
  return compareTexts(left.time ?? "", right.time ?? "");
}

/** Applies first, then the oldest. */
function inOrder(left: ManagedFieldsEntry, right: ManagedFieldsEntry): number {
  return (
    compareTexts(left.operation ?? "", right.operation ?? "") ||
    byTime(left, right) ||
    compareTexts(left.manager ?? "", right.manager ?? "") ||
    compareTexts(left.apiVersion ?? "", right.apiVersion ?? "") ||
    compareTexts(left.subresource ?? "", right.subresource ?? "")
  );
}

function compareTexts(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function withoutTimes(object: KubeObject): KubeObject {
  const { managedFields, ...metadata } = object.metadata;
  if (managedFields === undefined) return object;
  return { ...object, metadata: { ...metadata, managedFields: managedFields.map(({ time: _, ...entry }) => entry) } };
}

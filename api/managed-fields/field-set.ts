import { deepFreeze } from "#base/deep-freeze";

/**
 * A set of field paths in the form in which managedFields holds them (FieldsV1): each key is one step of a path, `f:NAME`,
 * `k:{"key":value}`, `v:value` or `.`. A node without children is a member; one with children is a member when it has `.`.
 * The empty set is undefined. Sets are never changed: every operation returns a new one, or one of its arguments when nothing changes.
 */
export interface FieldSet {
  readonly [step: string]: FieldSet;
}

export const leaf: FieldSet = Object.freeze({});

const knownSets = new Map<string, FieldSet>();
const mostKnownSets = 2_000;
/** In characters. A longer one is hardly anybody else's, and would not be small change. */
const longestKnownSet = 16 * 1024;

/** The set of that JSON, the same one each time for as long as it is remembered; none that is very long is. */
export function knownFieldSet(text: string): FieldSet {
  if (text === "{}") return leaf;
  const known = knownSets.get(text);
  if (known !== undefined) return known;
  const made = deepFreeze(JSON.parse(text) as FieldSet);
  if (text.length > longestKnownSet) return made;
  if (knownSets.size >= mostKnownSets) knownSets.clear();
  knownSets.set(text, made);
  return made;
}

/** The node itself, and what is below it. */
export function node(isMember: boolean, children: Readonly<Record<string, FieldSet>>): FieldSet | undefined {
  const steps = Object.keys(children);
  if (steps.length === 0) return isMember ? leaf : undefined;
  const sorted = steps.length === 1 ? steps : steps.sort(compareSteps);
  const result: Record<string, FieldSet> = isMember ? { ".": leaf } : {};
  for (const step of sorted) result[step] = children[step] ?? leaf;
  return result;
}

export function union(left: FieldSet | undefined, right: FieldSet | undefined): FieldSet | undefined {
  if (left === undefined || left === right) return right;
  if (right === undefined) return left;
  const children: Record<string, FieldSet> = {};
  let changed = isMember(right) && !isMember(left);
  for (const [step, child] of childrenOf(left)) children[step] = child;
  for (const [step, child] of childrenOf(right)) {
    const other = Object.hasOwn(children, step) ? children[step] : undefined;
    const both = union(other, child) ?? child;
    if (both !== other) changed = true;
    children[step] = both;
  }
  return changed ? node(isMember(left) || isMember(right), children) : left;
}

/** The members of `left` that are not members of `right`. */
export function difference(left: FieldSet | undefined, right: FieldSet | undefined): FieldSet | undefined {
  if (left === undefined || right === undefined) return left;
  const children: Record<string, FieldSet> = {};
  let changed = false;
  for (const [step, child] of childrenOf(left)) {
    const rest = difference(child, Object.hasOwn(right, step) ? right[step] : undefined);
    if (rest !== undefined) children[step] = rest;
    if (rest !== child) changed = true;
  }
  const staysMember = isMember(left) && !isMember(right);
  if (!changed && staysMember === isMember(left)) return left;
  return node(staysMember, children);
}

/** The root is nothing a manager could own: without fields below it there is nothing. */
export function withoutRoot(set: FieldSet | undefined): FieldSet | undefined {
  if (set === undefined) return undefined;
  const { ".": _, ...fields } = set;
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function isMember(set: FieldSet): boolean {
  for (const step in set) if (step !== ".") return Object.hasOwn(set, ".");
  return true;
}

function childrenOf(set: FieldSet): [string, FieldSet][] {
  return Object.entries(set).filter(([step]) => step !== ".");
}

/** Fields, then items by key, by value and by index, as structured-merge-diff orders them. */
const kinds = "fkvi";

export function compareSteps(left: string, right: string): number {
  const byKind = kinds.indexOf(left.charAt(0)) - kinds.indexOf(right.charAt(0));
  if (byKind !== 0) return byKind;
  return left < right ? -1 : left > right ? 1 : 0;
}

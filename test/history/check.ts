import { contentText, isSelected, type History, type Key, type Operation, type Segment, type SeenEvent } from "./history.ts";
import { describeUnorderable, findUnorderable } from "./linearizability.ts";
import { describeEntry, Log, reach, writtenBy, type LogEntry } from "./log.ts";

export interface Violation {
  readonly rule: Rule;
  readonly what: string;
}

export type Rule =
  | "what happened to one key can be put in one order"
  | "versions grow with time"
  | "reads of one client never go back"
  | "a list is what there was at its version"
  | "a watcher sees each change once, in order"
  | "an event tells what happened"
  | "all are told the same of a version"
  | "what was acknowledged is in the log"
  | "what was refused is not in the log"
  | "410 only when the log has gone"
  | "everybody comes to the end";

const mostPerRule = 3;

/** What was promised and not kept. Empty: nothing that these clients saw contradicts a store that loses, doubles and reorders nothing. */
export function checkHistory(history: History): Violation[] {
  const log = new Log(history);
  const rules: readonly (readonly [Rule, Iterable<string>])[] = [
    ["what was acknowledged is in the log", lostWrites(history, log)],
    ["what was refused is not in the log", strangers(history, log)],
    ["all are told the same of a version", log.disagreements],
    ["a watcher sees each change once, in order", badSegments(history, log)],
    ["an event tells what happened", wrongEvents(log)],
    ["a list is what there was at its version", mixedLists(history, log)],
    ["what happened to one key can be put in one order", unorderedKeys(history)],
    ["versions grow with time", versionsAgainstTime(history)],
    ["reads of one client never go back", readsGoingBack(history)],
    ["410 only when the log has gone", unjustifiedExpiries(history)],
    ["everybody comes to the end", history.stalled],
  ];
  return rules.flatMap(([rule, found]) => firstOf(found).map((what) => ({ rule, what })));
}

function firstOf(found: Iterable<string>): string[] {
  const some: string[] = [];
  for (const what of found) if (some.push(what) === mostPerRule) break;
  return some;
}

/** Whoever watched everything saw each acknowledged write, at its version. */
function* lostWrites({ operations, segments }: History, log: Log): Generator<string> {
  for (const operation of operations) {
    const seen = writtenBy(operation);
    if (seen === undefined || operation.action.type === "list") continue;
    const { key } = operation.action;
    const entry = log.at(seen.version);
    if (entry === undefined) continue;
    if (entry.key !== key || contentText(entry.content) !== contentText(seen.content)) {
      yield `${describe(operation)} at ${seen.version}, where there is ${describeEntry(entry)}`;
    } else if (entry.type === "written") {
      const covering = segments.filter((segment) => isSelected(key, segment.namespace) && covers(segment, seen.version));
      yield `${describe(operation)} at ${seen.version}, and none of ${covering.length} watchers that were there saw it`;
    }
  }
  yield* lostDeletions(operations, log);
}

/** Deletions are acknowledged without a version: of each key as many must be there. */
function* lostDeletions(operations: readonly Operation[], log: Log): Generator<string> {
  const acknowledged = new Map<Key, number>();
  for (const { action, outcome } of operations)
    if (action.type === "delete" && outcome.type === "ok") acknowledged.set(action.key, (acknowledged.get(action.key) ?? 0) + 1);
  for (const [key, count] of acknowledged) {
    const deleted = log.entries.filter((entry) => entry.key === key && entry.type === "DELETED").length;
    if (deleted < count) yield `${key} was deleted ${count} times, and watchers saw ${deleted} deletions`;
  }
}

/** What is in the log was written by somebody who was not told that it was refused. */
function* strangers({ operations }: History, log: Log): Generator<string> {
  const words = new Map<string, Operation>();
  for (const operation of operations) {
    const { action } = operation;
    if (action.type === "create" || action.type === "update") words.set(`${action.key} ${action.base}`, operation);
    if (action.type === "patch") words.set(`${action.key} ${action.mark}`, operation);
  }
  for (const entry of log.entries) {
    const { base, mark } = entry.content;
    for (const word of mark === "" ? [base] : [base, mark]) {
      const writer = words.get(`${entry.key} ${word}`);
      if (writer === undefined) yield `${describeEntry(entry)}, which nobody wrote`;
      else if (writer.outcome.type === "refused") yield `${describeEntry(entry)}, but ${describe(writer)}`;
    }
  }
}

function covers(segment: Segment, version: number): boolean {
  return segment.from < version && version <= reach(segment);
}

function* badSegments({ segments }: History, log: Log): Generator<string> {
  for (const segment of segments) {
    const wrong = badOrder(segment) ?? missed(segment, log);
    if (wrong !== undefined) yield `${segment.watcher} from ${segment.from}: ${wrong}`;
  }
}

function badOrder({ from, events, bookmarks, namespace }: Segment): string | undefined {
  let last = from;
  for (const [index, event] of events.entries()) {
    for (const { version, after } of bookmarks) {
      if (after === index && event.seen.version <= version) return `${describeEvent(event)} after a bookmark of ${version}`;
    }
    if (!isSelected(event.key, namespace)) return `${describeEvent(event)} is of another namespace`;
    if (event.seen.version === last && index > 0) return `${describeEvent(event)} a second time`;
    if (event.seen.version <= last) return `${describeEvent(event)} after ${last}`;
    last = event.seen.version;
  }
  return undefined;
}

function missed(segment: Segment, log: Log): string | undefined {
  const seen = new Set(segment.events.map((event) => event.seen.version));
  const missing = log.entries.find(
    ({ version, key }) => covers(segment, version) && isSelected(key, segment.namespace) && !seen.has(version),
  );
  return missing && `up to ${reach(segment)} without ${describeEntry(missing)}`;
}

/** ADDED is what was not there, MODIFIED what was, DELETED shows what is gone. */
function* wrongEvents(log: Log): Generator<string> {
  const state = new Map<Key, LogEntry>();
  for (const entry of log.entries) {
    const before = state.get(entry.key);
    if (entry.type === "ADDED" && before !== undefined) yield `${describeEntry(entry)} over ${describeEntry(before)}`;
    if (entry.type === "MODIFIED" && before === undefined) yield `${describeEntry(entry)} of what is not there`;
    if (entry.type === "DELETED" && (before === undefined || contentText(before.content) !== contentText(entry.content)))
      yield `${describeEntry(entry)}, and there was ${before === undefined ? "nothing" : describeEntry(before)}`;
    if (entry.type === "DELETED") state.delete(entry.key);
    else state.set(entry.key, entry);
  }
}

function* mixedLists({ operations }: History, log: Log): Generator<string> {
  for (const operation of operations) {
    const { action, outcome } = operation;
    if (action.type !== "list" || outcome.type !== "ok" || outcome.list === undefined) continue;
    const { version, items } = outcome.list;
    // A write of unknown outcome may come after the last watcher has left.
    if (version > log.known) continue;
    if (typeof action.at === "number" && action.at !== version) yield `${describe(operation)}, and it is of ${version}`;
    if (typeof action.at === "object" && action.at.notOlderThan > version)
      yield `${describe(operation)}, and it is of ${version}`;
    const wanted = log.stateAt(version, action.namespace);
    for (const key of new Set([...wanted.keys(), ...items.keys()])) {
      const is = text(items.get(key));
      const was = text(wanted.get(key));
      if (is === was) continue;
      yield `${describe(operation)} at ${version}: ${key} is ${is}, and by the log it was ${was}`;
      break;
    }
  }
}

function text(seen: { readonly version: number; readonly content: LogEntry["content"] } | undefined): string {
  return seen === undefined ? "not there" : `${contentText(seen.content)}@${seen.version}`;
}

function* unorderedKeys({ operations }: History): Generator<string> {
  const keys = new Set(operations.flatMap(({ action }) => (action.type === "list" ? [] : [action.key])));
  for (const key of keys) {
    const found = findUnorderable(key, operations);
    if (found !== undefined) yield describeUnorderable(found);
  }
}

/** Whoever asks after somebody was told of a version gets a higher one for a write, and no lower one for a consistent list. */
function* versionsAgainstTime({ operations, segments }: History): Generator<string> {
  const told: { tick: number; version: number; who: string }[] = [];
  for (const operation of operations) {
    const version = highestTold(operation);
    if (version !== undefined) told.push({ tick: operation.completed, version, who: describe(operation) });
  }
  for (const { watcher, events } of segments)
    for (const event of events)
      told.push({ tick: event.tick, version: event.seen.version, who: `${watcher} ${describeEvent(event)}` });
  told.sort((left, right) => left.tick - right.tick);
  const asked = [...operations].sort((left, right) => left.invoked - right.invoked);
  let next = 0;
  let highest = { tick: 0, version: 0, who: "" };
  for (const operation of asked) {
    for (let one = told[next]; one !== undefined && one.tick < operation.invoked; one = told[++next])
      if (one.version > highest.version) highest = one;
    const written = writtenBy(operation)?.version;
    const { action, outcome } = operation;
    const listed = action.type === "list" && action.at === "latest" && outcome.type === "ok" ? outcome.list?.version : undefined;
    if ((written ?? Infinity) <= highest.version || (listed ?? Infinity) < highest.version)
      yield `${describe(operation)} at ${written ?? listed ?? 0} was asked after ${highest.who} at ${highest.version}`;
  }
}

function highestTold({ outcome }: Operation): number | undefined {
  if (outcome.type !== "ok") return undefined;
  return outcome.seen?.version ?? outcome.list?.version;
}

/**
 * Consistent reads of one client show each key, and their lists all keys, at no older version than it has read or written before. Reads of any version may
 * be older than those, and older than another server's: upstream promises nothing of them. But what one server has shown of any
 * version it has seen itself, and it does not forget.
 */
function* readsGoingBack({ operations }: History): Generator<string> {
  const highest = new Map<string, { readonly version: number; readonly who: string }>();
  for (const operation of [...operations].sort((left, right) => left.invoked - right.invoked)) {
    const { action, outcome, client, server } = operation;
    if (outcome.type !== "ok" || ("at" in action && typeof action.at === "number")) continue;
    const reader = "at" in action && action.at !== "latest" ? `${client} of ${server}` : client;
    for (const [place, version] of placesOf(operation)) {
      const before = highest.get(`${reader} ${place}`);
      if (before !== undefined && before.version > version)
        yield `${describe(operation)} shows ${place} at ${version}, after ${before.who} at ${before.version}`;
      else highest.set(`${reader} ${place}`, { version, who: describe(operation) });
    }
  }
}

function* placesOf({ action, outcome }: Operation): Generator<readonly [string, number]> {
  if (outcome.type !== "ok") return;
  if (action.type !== "list" && outcome.seen !== undefined) yield [action.key, outcome.seen.version];
  if (action.type !== "list" || outcome.list === undefined) return;
  yield [action.namespace === undefined ? "everything" : `everything in ${action.namespace}`, outcome.list.version];
  for (const [key, { version }] of outcome.list.items) yield [key, version];
}

function* unjustifiedExpiries({ operations, segments, compactions }: History): Generator<string> {
  const hasGone = (version: number, tick: number): boolean =>
    compactions.some((compaction) => compaction.tick < tick && compaction.version > version);
  for (const { watcher, from, events, expiredAt } of segments) {
    if (expiredAt === undefined) continue;
    const position = events.at(-1)?.seen.version ?? from;
    if (!hasGone(position, expiredAt)) yield `${watcher} at ${position} was told 410`;
  }
  for (const operation of operations) {
    const { action, outcome, completed } = operation;
    if (action.type !== "list" || outcome.type !== "refused" || outcome.reason !== "Expired") continue;
    if (typeof action.at !== "number" || !hasGone(action.at, completed)) yield `${describe(operation)} was told 410`;
  }
}

function describeEvent({ type, key, seen }: SeenEvent): string {
  return `${type} ${key} ${contentText(seen.content)}@${seen.version}`;
}

function describe({ client, action, outcome, invoked, completed }: Operation): string {
  const what = action.type === "list" ? `list ${action.namespace ?? "all"}` : `${action.type} ${action.key}${wordOf(action)}`;
  const at = "at" in action ? ` (${typeof action.at === "object" ? `${action.at.notOlderThan} or later` : action.at})` : "";
  const how = outcome.type === "refused" ? ` was refused with ${outcome.reason}` : outcome.type === "ok" ? "" : " (unknown)";
  return `${client}'s ${what}${at} [${invoked}, ${completed}]${how}`;
}

function wordOf(action: Operation["action"]): string {
  if (action.type === "create" || action.type === "update") return ` ${action.base}`;
  return action.type === "patch" ? ` +${action.mark}` : "";
}

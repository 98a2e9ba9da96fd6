import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";
import { describe, expect, test } from "vitest";
import { checkHistory } from "./check.ts";
import type { Action, History, Operation, Outcome, Seen, SeenEvent, Segment } from "./history.ts";

/** Who judges must not ask who is judged. */
test.each(["check.ts", "history.ts", "linearizability.ts", "log.ts"])("%s imports nothing of what it checks", (file) => {
  const text = readFileSync(join(packageRoot, "test/history", file), "utf8");
  const imports = [...text.matchAll(/\bfrom "([^"]+)"|\bimport\("([^"]+)"\)/g)].map(([, one, other]) => one ?? other);
  expect(
    imports.filter((name) => !["./check.ts", "./history.ts", "./linearizability.ts", "./log.ts"].includes(name ?? "")),
  ).toEqual([]);
});

const key = "a/k";
const seen = (version: number, base: string, mark = ""): Seen => ({ version, content: { base, mark } });
const done = (shown: Seen): Outcome => ({ type: "ok", seen: shown });
const nothing: Outcome = { type: "refused", reason: "NotFound" };
const unknown: Outcome = { type: "unknown" };
const create = (base: string): Action => ({ type: "create", key, base });
const update = (base: string, expected?: number): Action => ({
  type: "update",
  key,
  base,
  ...(expected !== undefined && { expected }),
});
const get: Action = { type: "get", key, at: "latest" };

let ids = 0;
const operation = (client: string, invoked: number, completed: number, action: Action, outcome: Outcome): Operation => ({
  id: ++ids,
  client,
  server: "s",
  invoked,
  completed: outcome.type === "unknown" ? Infinity : completed,
  action,
  outcome,
});
const event = (tick: number, type: SeenEvent["type"], shown: Seen): SeenEvent => ({ tick, type, key, seen: shown });
const segment = (watcher: string, from: number, events: readonly SeenEvent[], rest: Partial<Segment> = {}): Segment => ({
  watcher,
  from,
  events,
  bookmarks: [],
  ...rest,
});

function violations(history: Partial<History>): string[] {
  const whole = { start: 0, operations: [], segments: [], compactions: [], stalled: [], ...history };
  return [...new Set(checkHistory(whole).map(({ rule }) => rule))];
}

/** What watchers would say of these is left out: it is another rule's. */
function unordered(operations: readonly Operation[]): string {
  const found = checkHistory({ start: 0, operations, segments: [], compactions: [], stalled: [] });
  return found.find(({ rule }) => rule === "what happened to one key can be put in one order")?.what ?? "";
}

describe("operations on one key", () => {
  test("at the same time may have happened in any order", () => {
    const early = [operation("c1", 1, 6, create("x"), done(seen(1, "x"))), operation("c2", 2, 3, get, nothing)];
    expect(unordered(early)).toBe("");
    expect(unordered([...early, operation("c2", 4, 5, get, done(seen(1, "x")))])).toBe("");
  });

  test("have happened once they are acknowledged", () => {
    const stale = [operation("c1", 1, 2, create("x"), done(seen(1, "x"))), operation("c2", 3, 4, get, nothing)];
    expect(unordered(stale)).toBe("a/k: no order explains these\n  c1 [1, 2] create x -> x@1\n  c2 [3, 4] read nothing");
  });

  test("are not undone", () => {
    const reads = [operation("c2", 2, 3, get, done(seen(1, "x"))), operation("c3", 4, 5, get, nothing)];
    expect(unordered([operation("c1", 1, 9, create("x"), done(seen(1, "x"))), ...reads])).not.toBe("");
  });

  test("of which one expects what the other replaces cannot both succeed", () => {
    const first = operation("c0", 1, 2, create("x"), done(seen(1, "x")));
    const both = [
      operation("c1", 3, 6, update("y", 1), done(seen(2, "y"))),
      operation("c2", 4, 5, update("z", 1), done(seen(3, "z"))),
    ];
    expect(unordered([first, ...both])).not.toBe("");
    expect(unordered([first, both[0]!, operation("c2", 4, 5, update("z"), done(seen(3, "z")))])).toBe("");
  });

  test("of which a patch loses what was written before it contradict each other", () => {
    const writes = [
      operation("c1", 1, 2, create("x"), done(seen(1, "x"))),
      operation("c1", 3, 4, update("y"), done(seen(2, "y"))),
    ];
    const patch: Action = { type: "patch", key, mark: "m" };
    expect(unordered([...writes, operation("c2", 5, 6, patch, done(seen(3, "y", "m")))])).toBe("");
    expect(unordered([...writes, operation("c2", 5, 6, patch, done(seen(3, "x", "m")))])).not.toBe("");
  });

  test("of unknown outcome have happened, happen later, or never", () => {
    const first = operation("c0", 1, 2, create("x"), done(seen(1, "x")));
    const lost = operation("c1", 3, 0, update("y"), unknown);
    const read = (tick: number, shown: Seen): Operation => operation("c2", tick, tick + 1, get, done(shown));
    expect(unordered([first, lost, read(4, seen(1, "x"))])).toBe("");
    expect(unordered([first, lost, read(4, seen(2, "y"))])).toBe("");
    expect(unordered([first, lost, read(4, seen(1, "x")), read(90, seen(2, "y"))])).toBe("");
    expect(unordered([first, lost, read(4, seen(2, "y")), read(6, seen(1, "x"))])).not.toBe("");
  });

  test("of unknown outcome that nobody saw still explain why something else is there, or gone", () => {
    const first = operation("c0", 1, 2, create("x"), done(seen(1, "x")));
    const refused = operation("c2", 5, 6, update("z", 1), { type: "refused", reason: "Conflict" });
    expect(unordered([first, refused])).not.toBe("");
    expect(unordered([first, operation("c1", 3, 0, update("y"), unknown), refused])).toBe("");
    const gone = operation("c2", 5, 6, get, nothing);
    expect(unordered([first, operation("c1", 3, 0, { type: "delete", key }, unknown), gone])).toBe("");
  });

  test("get versions in the order in which they happen", () => {
    const writes = [
      operation("c1", 1, 2, create("x"), done(seen(7, "x"))),
      operation("c2", 3, 4, update("y"), done(seen(5, "y"))),
    ];
    expect(unordered(writes)).not.toBe("");
    expect(violations({ operations: writes })).toContain("versions grow with time");
  });

  test("of which many are unknown are decided without trying every order", () => {
    const many = Array.from({ length: 60 }, (_, index) =>
      operation(`u${index}`, 3 + index, 0, index % 3 === 0 ? { type: "delete", key } : update(`u${index}`), unknown),
    );
    const first = operation("c0", 1, 2, create("x"), done(seen(1, "x")));
    const reads = [operation("c1", 100, 101, get, done(seen(40, "u40"))), operation("c1", 102, 103, get, done(seen(1, "x")))];
    // One that tries every order is not done before the universe is.
    expect(unordered([first, ...many, ...reads])).not.toBe("");
  });
});

describe("watchers", () => {
  const story = [event(3, "ADDED", seen(1, "x")), event(6, "MODIFIED", seen(2, "y")), event(9, "DELETED", seen(3, "y"))];
  const good = segment("w", 0, story);
  const operations = [
    operation("c", 1, 2, create("x"), done(seen(1, "x"))),
    operation("c", 4, 5, update("y"), done(seen(2, "y"))),
    operation("c", 7, 8, { type: "delete", key }, { type: "ok" }),
  ];
  const once = "a watcher sees each change once, in order";

  test("that tell the log are right, also in stretches", () => {
    expect(violations({ operations, segments: [good] })).toEqual([]);
    expect(
      violations({ operations, segments: [good, segment("v", 0, story.slice(0, 1)), segment("v", 1, story.slice(1))] }),
    ).toEqual([]);
  });

  test("that leave out, repeat, reorder or go on from too late are wrong", () => {
    const wrong = (events: readonly SeenEvent[], from = 0): string[] =>
      violations({ operations, segments: [good, segment("v", from, events)] });
    expect(wrong([story[0]!, story[2]!])).toEqual([once]);
    expect(wrong([story[0]!, story[1]!, story[1]!])).toEqual([once]);
    expect(wrong([story[0]!, story[2]!, story[1]!])).toEqual([once]);
    expect(wrong(story, 1)).toEqual([once]);
  });

  test("that pass over a change by a bookmark have missed it", () => {
    const bookmarks = [{ version: 3, after: 2 }];
    expect(violations({ operations, segments: [good, segment("v", 0, story.slice(0, 2), { bookmarks })] })).toEqual([once]);
    expect(violations({ operations, segments: [good, segment("v", 0, story.slice(0, 2))] })).toEqual([]);
  });

  test("of another namespace do not miss it", () => {
    const bookmarks = [{ version: 3, after: 0 }];
    expect(violations({ operations, segments: [good, segment("v", 0, [], { namespace: "b", bookmarks })] })).toEqual([]);
  });

  test("that are told different things disagree", () => {
    const other = [story[0]!, event(6, "MODIFIED", seen(2, "x", "m"))];
    expect(violations({ operations, segments: [good, segment("v", 0, other)] })).toContain("all are told the same of a version");
  });

  test("are told by an event's type what was there before, and by a deletion what is gone", () => {
    const added = [story[0]!, event(6, "ADDED", seen(2, "y")), story[2]!];
    expect(violations({ operations, segments: [segment("w", 0, added)] })).toEqual(["an event tells what happened"]);
    const old = [story[0]!, story[1]!, event(9, "DELETED", seen(3, "x"))];
    expect(violations({ operations, segments: [segment("w", 0, old)] })).toEqual(["an event tells what happened"]);
  });

  test("together see what was acknowledged, and nothing that was refused or that nobody wrote", () => {
    expect(violations({ operations, segments: [segment("w", 0, story.slice(0, 2))] })).toEqual([
      "what was acknowledged is in the log",
    ]);
    const refused = [operation("c", 1, 2, create("x"), { type: "refused", reason: "Other" }), ...operations.slice(1)];
    expect(violations({ operations: refused, segments: [good] })).toContain("what was refused is not in the log");
    expect(violations({ operations: operations.slice(1), segments: [good] })).toContain("what was refused is not in the log");
  });

  test("are told 410 only of what was compacted before", () => {
    const expired = [good, segment("v", 1, [], { expiredAt: 20 })];
    const rule = ["410 only when the log has gone"];
    expect(violations({ operations, segments: expired })).toEqual(rule);
    expect(violations({ operations, segments: expired, compactions: [{ tick: 15, version: 2 }] })).toEqual([]);
    expect(violations({ operations, segments: expired, compactions: [{ tick: 15, version: 1 }] })).toEqual(rule);
    expect(violations({ operations, segments: expired, compactions: [{ tick: 25, version: 2 }] })).toEqual(rule);
  });
});

describe("lists", () => {
  const two = "a/l";
  const operations = [
    operation("c", 1, 2, create("x"), done(seen(1, "x"))),
    operation("c", 3, 4, { type: "create", key: two, base: "l" }, done(seen(2, "l"))),
    operation("c", 5, 6, update("y"), done(seen(3, "y"))),
  ];
  const segments = [
    segment("w", 0, [
      event(2, "ADDED", seen(1, "x")),
      { tick: 4, type: "ADDED", key: two, seen: seen(2, "l") },
      event(6, "MODIFIED", seen(3, "y")),
    ]),
  ];
  const list = (invoked: number, at: "latest" | "any" | number, version: number, items: Record<string, Seen>): Operation =>
    operation(
      "r",
      invoked,
      invoked + 1,
      { type: "list", at },
      { type: "ok", list: { version, items: new Map(Object.entries(items)) } },
    );
  const check = (...lists: readonly Operation[]): string[] => violations({ operations: [...operations, ...lists], segments });
  const then = { [key]: seen(1, "x"), [two]: seen(2, "l") };
  const now = { [key]: seen(3, "y"), [two]: seen(2, "l") };

  test("show everything as it was at their version", () => {
    expect(check(list(10, "latest", 3, now), list(12, 2, 2, then), list(14, "any", 2, then))).toEqual([]);
  });

  test("that mix versions are of none", () => {
    const rule = "a list is what there was at its version";
    expect(check(list(10, "any", 3, then))).toEqual([rule]);
    expect(check(list(10, "any", 2, { [key]: seen(3, "y") }))).toEqual([rule]);
    expect(check(list(10, 2, 3, now))).toEqual([rule]);
  });

  test("of a version or later are of no earlier one", () => {
    const atLeast = (version: number, notOlderThan: number): Operation => ({
      ...list(10, "any", version, version === 3 ? now : then),
      action: { type: "list", at: { notOlderThan } },
    });
    expect(check(atLeast(3, 2))).toEqual([]);
    expect(check(atLeast(2, 3))).toEqual(["a list is what there was at its version"]);
  });

  test("that must be of now are not of before", () => {
    expect(check(list(10, "latest", 2, then))).toContain("versions grow with time");
    expect(check(list(10, "latest", 2, then))).toContain("what happened to one key can be put in one order");
  });

  test("of any version do not go back on one server", () => {
    expect(check(list(10, "any", 3, now), list(12, "any", 2, then))).toEqual(["reads of one client never go back"]);
    const elsewhere = { ...list(12, "any", 2, then), server: "other" };
    expect(check(list(10, "any", 3, now), elsewhere)).toEqual([]);
  });
});

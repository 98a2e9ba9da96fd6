import { describe, expect, it } from "vitest";
import type { Attempt, Seen } from "./load.ts";
import { contradictions } from "./told.ts";

const acknowledged = (value: string, resourceVersion: number): Attempt => ({
  name: "a",
  value,
  outcome: "acknowledged",
  resourceVersion,
  tookMs: 1,
});
const listed = (resourceVersion: number, value?: string): Seen => ({
  type: "LISTED",
  resourceVersion,
  values: new Map(value === undefined ? [] : [["a", value]]),
});
const shown = (type: "ADDED" | "MODIFIED", value: string, resourceVersion: number): Seen => ({
  type,
  name: "a",
  value,
  resourceVersion,
});

const attempts = [acknowledged("0.0", 5), acknowledged("0.1", 7), acknowledged("0.2", 9)];
const whole = [listed(4), shown("ADDED", "0.0", 5), shown("MODIFIED", "0.1", 7), shown("MODIFIED", "0.2", 9)];
const without = (index: number): Seen[] => whole.filter((_, at) => at !== index);

describe("what writers and watchers were told", () => {
  it("agrees when all is well, also when somebody listed anew", () => {
    expect(contradictions(attempts, [whole, [listed(4), whole[1]!, listed(8, "0.1"), whole[3]!]])).toEqual([]);
  });

  it("may show what nobody knows", () => {
    const unknown: Attempt = { name: "a", value: "0.3", outcome: "unknown", tookMs: 1 };
    expect(contradictions([...attempts, unknown], [[...whole, shown("MODIFIED", "0.3", 10)]])).toEqual([]);
  });

  it.each<[string, Seen[], RegExp]>([
    ["one event is lost", without(2), /0\.1 at 7 was not shown/],
    ["the last event is lost", without(3), /saw nothing behind 7/],
    ["one comes twice", [...whole, whole[3]!], /at 9 came after 9/],
    ["two change places", [whole[0]!, whole[1]!, whole[3]!, whole[2]!], /at 7 came after 9/],
    ["a list lacks what it is behind", [listed(8, "0.0"), whole[3]!], /is 0\.0 in a list behind 0\.1/],
    ["it comes under another version", [...without(3), shown("MODIFIED", "0.2", 10)], /acknowledged at 9/],
  ])("contradicts itself when %s", (_, seen, words) => {
    expect(contradictions(attempts, [seen]).join("\n")).toMatch(words);
  });

  it("contradicts itself when what was refused happened", () => {
    const refused: Attempt = { name: "a", value: "0.3", outcome: "refused", tookMs: 1 };
    expect(contradictions([...attempts, refused], [[...whole, shown("MODIFIED", "0.3", 10)]]).join()).toMatch(/was refused/);
  });

  it("contradicts itself when two watchers were told different things", () => {
    const other = [...without(3), shown("MODIFIED", "0.x", 9)];
    expect(contradictions(attempts, [whole, other]).join("\n")).toMatch(/another watcher saw/);
  });
});

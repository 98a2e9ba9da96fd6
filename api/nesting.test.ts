import { expect, it } from "vitest";
import { deepest, isTooDeep } from "./nesting.ts";

const lists = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const objects = (depth: number): string => '{"a":'.repeat(depth) + "1" + "}".repeat(depth);

it.each([
  ["as deep as allowed", lists(deepest), false],
  ["one list deeper", lists(deepest + 1), true],
  ["one object deeper", objects(deepest + 1), true],
  ["wide and flat", JSON.stringify(Array.from({ length: 5_000 }, () => [{}])), false],
  ["brackets in strings", JSON.stringify(["[".repeat(5_000), '\\"[[['.repeat(2_000)]), false],
  ["cut off", "[".repeat(100_000), true],
])("%s", (_what, json, expected) => {
  expect(isTooDeep(json)).toBe(expected);
});

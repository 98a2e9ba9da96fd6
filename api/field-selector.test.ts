import { describe, expect, test } from "vitest";
import { formatFieldSelector, matchesFields, parseFieldSelector, requiredValue } from "./field-selector.ts";

describe("parseFieldSelector", () => {
  test("reads the three operators", () => {
    expect(parseFieldSelector("metadata.name=a,status.phase!=Running,spec.nodeName==n").requirements).toEqual([
      { field: "metadata.name", operator: "=", value: "a" },
      { field: "status.phase", operator: "!=", value: "Running" },
      { field: "spec.nodeName", operator: "=", value: "n" },
    ]);
  });

  test("reads escaped commas, equal signs and backslashes, and writes them again", () => {
    const text = String.raw`a=x\,y\=z\\,b=`;
    const selector = parseFieldSelector(text);
    expect(selector.requirements.map((requirement) => requirement.value)).toEqual([String.raw`x,y=z` + "\\", ""]);
    expect(formatFieldSelector(selector)).toBe(text);
  });

  test("an empty selector selects everything", () => {
    expect(matchesFields(parseFieldSelector(""), { a: "b" })).toBe(true);
  });

  test.each([
    ["a", "invalid selector: 'a'; can't understand 'a'"],
    ["a=b=c", "invalid field selector: unescaped character in value: 61"],
    [String.raw`a=\q`, String.raw`invalid field selector: invalid escape sequence: \q`],
    ["a=\\", "invalid field selector: invalid escape sequence: \\"],
  ])("refuses %s", (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(message);
  });
});

test("a missing field is an empty one", () => {
  const selector = parseFieldSelector("spec.nodeName=,status.phase!=Failed");
  expect(matchesFields(selector, {})).toBe(true);
  expect(matchesFields(selector, { "spec.nodeName": "n" })).toBe(false);
  expect(matchesFields(selector, { "status.phase": "Failed" })).toBe(false);
});

test("requiredValue names what an index can answer", () => {
  expect(requiredValue(parseFieldSelector("a=b,c!=d"), "a")).toBe("b");
  expect(requiredValue(parseFieldSelector("a=b,c!=d"), "c")).toBeUndefined();
});

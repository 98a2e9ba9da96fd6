import { describe, expect, test } from "vitest";
import { isPercentage, scaledValue } from "./int-or-string.ts";

describe("scaledValue", () => {
  test.each([
    [3, 10, "up", 3],
    ["25%", 10, "up", 3],
    ["25%", 10, "down", 2],
    ["0%", 10, "up", 0],
    ["100%", 7, "down", 7],
    ["7%", 100, "up", 7],
  ] as const)("%s of %d rounded %s is %d", (of, total, rounding, expected) => {
    expect(scaledValue(of, total, rounding)).toBe(expected);
  });

  test("refuses a string that is no percentage in upstream's words", () => {
    expect(() => scaledValue("3", 10, "up")).toThrow("invalid value for IntOrString: invalid type: string is not a percentage");
    expect(() => scaledValue("a%", 10, "up")).toThrow(
      'invalid value for IntOrString: invalid value "a%": strconv.Atoi: parsing "a": invalid syntax',
    );
  });
});

test("isPercentage tells percentages from numbers and names", () => {
  expect(["10%", "10", "%", "a%", 10].map(isPercentage)).toEqual([true, false, false, false, false]);
});

import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sameJson } from "./same-json.ts";

test("says of plain data what Node's own comparison says", () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(0, 1, "", "a", true, false, null, undefined),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value"), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).value;
  fc.assert(
    fc.property(value, value, (left, right) => {
      expect(sameJson(left, right)).toBe(isDeepStrictEqual(left, right));
      expect(sameJson(left, structuredClone(left))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("does not care for the order of fields", () => {
  expect(sameJson({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 })).toBe(true);
  expect(sameJson({ a: [1, 2] }, { a: [2, 1] })).toBe(false);
  expect(sameJson([], {})).toBe(false);
});

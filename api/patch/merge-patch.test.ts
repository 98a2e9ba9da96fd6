import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { goText } from "./go-text.ts";
import { applyMergePatch, isJsonObject, type Json, type JsonObject } from "./merge-patch.ts";

// The examples of RFC 7396, appendix A.
describe("a merge patch", () => {
  test.each<[Json, Json, Json]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j with %j gives %j", (target, patch, expected) => {
    expect(applyMergePatch(target, patch)).toEqual(expected);
  });

  test("that is the difference of two documents turns one into the other", () => {
    fc.assert(
      fc.property(documents, documents, (from, to) => {
        expect(applyMergePatch(from, difference(from, to))).toEqual(to);
      }),
    );
  });

  test("leaves prototypes alone", () => {
    const patch = JSON.parse('{"__proto__":{"polluted":true}}') as Json;
    expect(JSON.stringify(applyMergePatch({}, patch))).toBe('{"__proto__":{"polluted":true}}');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

/** Documents without null, which a merge patch cannot write. */
const documents: fc.Arbitrary<JsonObject> = fc
  .dictionary(
    fc.constantFrom("a", "b", "c", "d"),
    fc.letrec((tie) => ({
      value: fc.oneof(
        fc.integer(),
        fc.string(),
        fc.boolean(),
        fc.array(fc.integer(), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom("x", "y", "z"), tie("value"), { maxKeys: 2 }),
      ),
    })).value as fc.Arbitrary<Json>,
  )
  .map((document) => JSON.parse(JSON.stringify(document)) as JsonObject);

function difference(from: Json | undefined, to: Json): Json {
  if (!isJsonObject(from) || !isJsonObject(to)) return to;
  const removed = Object.keys(from).filter((key) => !(key in to));
  return {
    ...Object.fromEntries(removed.map((key) => [key, null])),
    ...Object.fromEntries(Object.entries(to).map(([key, value]) => [key, difference(from[key], value)])),
  };
}

test("a document reads in Go's messages as Go prints maps", () => {
  expect(goText({ b: [1, "x", null, true], a: { c: {} } })).toBe("map[a:map[c:map[]] b:[1 x <nil> true]]");
});

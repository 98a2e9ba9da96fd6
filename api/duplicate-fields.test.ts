import fc from "fast-check";
import { expect, test } from "vitest";
import { duplicateFields } from "./duplicate-fields.ts";

test.each([
  ['{"a":1,"a":2}', ["a"]],
  ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}', []],
  ['{"spec":{"containers":[{"name":"a"},{"name":"b","name":"c"}]}}', ["spec.containers[1].name"]],
  ['{"a":{"b":1,"b":2,"b":3}}', ["a.b", "a.b"]],
  ['{"a":[[{"x":1}],[{"x":1,"x":2}]]}', ["a[1][0].x"]],
  [String.raw`{"a\"b":"{\"x\":1,\"x\":2}","c":"\\","d":1,"d":2}`, ["d"]],
  [String.raw`{"a":1,"\u0061":2}`, ["a"]],
  ['{"__proto__":1,"__proto__":2}', ["__proto__"]],
  ['{"a":"a","b":"a"}', []],
  ['[{"a":1},{"a":1}]', []],
  ['"a"', []],
])("%s repeats %j", (text, expected) => {
  expect(duplicateFields(text)).toEqual(expected);
});

test("what JSON.stringify writes has no duplicates", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(duplicateFields(JSON.stringify(JSON.parse(text)))).toEqual([]);
    }),
  );
});

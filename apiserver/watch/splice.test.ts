import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { spliceInto, splicedLength } from "./splice.ts";

function withResourceVersion(stored: Uint8Array, revision: number): Uint8Array {
  const bytes = Buffer.alloc(splicedLength(stored, revision));
  expect(spliceInto(bytes, 0, stored, revision)).toBe(bytes.length);
  return bytes;
}

const splice = (json: string) => Buffer.from(withResourceVersion(Buffer.from(json), 42)).toString();

describe("withResourceVersion", () => {
  it.each([
    ['{"metadata":{"name":"a"}}', '{"metadata":{"resourceVersion":"42","name":"a"}}'],
    ['{"metadata":{}}', '{"metadata":{"resourceVersion":"42"}}'],
    [' { "kind" : "Pod" , "metadata" : { } } ', ' { "kind" : "Pod" , "metadata" : {"resourceVersion":"42" } } '],
    [
      '{"spec":{"metadata":{"name":"template"}},"x":[{"metadata":{}}],"metadata":{"name":"a"}}',
      '{"spec":{"metadata":{"name":"template"}},"x":[{"metadata":{}}],"metadata":{"resourceVersion":"42","name":"a"}}',
    ],
    [
      '{"data":{"a":"\\"metadata\\":{","b\\\\":"}\\\\"},"metadata":{"name":"a"}}',
      '{"data":{"a":"\\"metadata\\":{","b\\\\":"}\\\\"},"metadata":{"resourceVersion":"42","name":"a"}}',
    ],
  ])("puts it into the metadata of the top level of %s", (stored, expected) => {
    expect(splice(stored)).toBe(expected);
  });

  it("finds the place whatever stands in front of and inside the metadata", () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('"metadata":{', "metadata", '{"metadata":{}}', "\\", '"', "}", "]"));
    const value = fc.oneof(text, fc.dictionary(text, text), fc.array(text), fc.integer(), fc.constant(null));
    fc.assert(
      fc.property(fc.dictionary(text, value), fc.dictionary(text, value), (before, inside) => {
        const object = { ...without(before, "metadata"), metadata: without(inside, "resourceVersion"), spec: before };
        const expected = { ...object, metadata: { resourceVersion: "42", ...object.metadata } };
        expect(JSON.parse(splice(JSON.stringify(object)))).toEqual(expected);
      }),
    );
  });

  it.each(["[]", "", "{}", '{"metadata":null}', '{"metadata":"x","spec":{"metadata":{}}}', '{"kind":"unterm'])(
    "refuses %s, which has no metadata",
    (stored) => {
      expect(() => splice(stored)).toThrow("no metadata");
    },
  );
});

function without(object: Record<string, unknown>, key: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key && name !== "__proto__"));
}

import { describe, expect, it } from "vitest";
import { parseObject } from "./parse-object.ts";

const parse = (object: unknown): unknown => parseObject(Buffer.from(JSON.stringify(object)));
const fields = { "f:metadata": { "f:labels": { ".": {}, 'f:a"}]': {} } } };

describe("parsing a stored object", () => {
  it.each([
    { metadata: { name: "plain" } },
    { spec: {}, metadata: {} },
    { metadata: { managedFields: [] } },
    { metadata: { managedFields: [{ manager: "a", fieldsV1: fields, time: "t" }], name: "ü 0" }, spec: { x: ["0"] } },
    { metadata: { managedFields: [{ manager: "none" }, { fieldsV1: {}, manager: "ü" }, { manager: "b", fieldsV1: fields }] } },
    { metadata: { labels: { managedFields: "x", fieldsV1: "y" } }, spec: { managedFields: [{ fieldsV1: fields }] } },
  ])("gives what its JSON says: %j", (object) => {
    expect(parse(object)).toEqual(object);
  });

  it("shares what objects of one shape say of their fields", () => {
    const made = (name: string) =>
      parse({ metadata: { name, managedFields: [{ manager: "a", fieldsV1: fields }] } }) as {
        metadata: { managedFields: { fieldsV1: unknown }[] };
      };
    expect(made("one").metadata.managedFields[0]?.fieldsV1).toBe(made("two").metadata.managedFields[0]?.fieldsV1);
  });
});

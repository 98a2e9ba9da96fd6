import { describe, expect, it } from "vitest";
import { scalarAt } from "./json-walk.ts";

const at = (document: unknown, ...path: string[]): string | undefined =>
  scalarAt(Buffer.from(typeof document === "string" ? document : JSON.stringify(document)), path);

describe("a scalar in the bytes of a document", () => {
  it("is found behind whatever stands before it", () => {
    const document = {
      metadata: { name: "x", labels: { nodeName: "not this", '"spec"': "}{" }, list: [{ spec: 1 }, [], {}, "]"] },
      empty: {},
      spec: { containers: [{ nodeName: "nor this" }], "node\\Name": "no", nodeName: 'node "1" \\ ü', ready: true, count: -1.5e3 },
    };
    expect(at(document, "spec", "nodeName")).toBe('node "1" \\ ü');
    expect(at(document, "spec", "ready")).toBe("true");
    expect(at(document, "spec", "count")).toBe("-1500");
    expect(at(document, "metadata", "name")).toBe("x");
    expect(at(` { "spec" : { "a" : [ ] ,\n"nodeName"\t: "n" } } `, "spec", "nodeName")).toBe("n");
  });

  it("is undefined where there is none", () => {
    const document = { a: { b: { c: 1 }, list: [1], none: null } };
    for (const path of [["b"], ["a", "c"], ["a", "b"], ["a", "list"], ["a", "none"], ["a", "b", "c", "d"]])
      expect(at(document, ...path), path.join(".")).toBeUndefined();
    for (const text of ["", "{", '{"a"', '{"a":', "[]", '"a"']) expect(at(text, "a", "b"), text).toBeUndefined();
  });
});

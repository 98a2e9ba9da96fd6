import { describe, expect, it } from "vitest";
import { readYaml, splitYaml, YamlError } from "./read-yaml.ts";

/** What `kubectl create --dry-run=client -o json` 1.33 makes of each; test/e2e/cli-like-kubectl.test.ts asks it again. */
const scalars: readonly (readonly [text: string, value: unknown])[] = [
  ["yes", true],
  ["No", false],
  ["on", true],
  ["OFF", false],
  ["y", true],
  ["N", false],
  ["true", true],
  ["tRUE", "tRUE"],
  ["~", null],
  ["NULL", null],
  ["0777", 511],
  ["0o17", 15],
  ["0x1F", 31],
  ["0b11", 3],
  ["08", 8],
  ["1_000", 1000],
  ["+12", 12],
  ["-3", -3],
  ["1e3", 1000],
  ["1.50", 1.5],
  [".5", 0.5],
  ["1.", 1],
  ["1.2.3", "1.2.3"],
  ["12:30:45", "12:30:45"],
  ["2026-01-02", "2026-01-02"],
  ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"],
  ['"yes"', "yes"],
  ["'0777'", "0777"],
  ["!!str 12", "12"],
  ["1Gi", "1Gi"],
  ["100m", "100m"],
  ["0.", 0],
  ["089", 89],
  ["-010", -8],
  ["1E400", "1E400"],
  ["!!binary aGk=", "hi"],
  ["!!timestamp 2026-01-02", "2026-01-02"],
];

describe("readYaml", () => {
  it.each(scalars)("reads %s as %j", (text, value) => {
    expect(readYaml(`a: ${text}`)).toEqual({ a: value });
  });

  it("reads keys as text, whatever they look like", () => {
    expect(readYaml("on: 1\n2: a\n1.5: b\ntrue: c")).toEqual({ true: "c", "2": "a", "1.5": "b" });
  });

  it("merges with <<, and what stands beside it wins", () => {
    expect(readYaml("a: &a {x: 1, z: 2}\nb:\n  <<: *a\n  z: 3")).toEqual({ a: { x: 1, z: 2 }, b: { x: 1, z: 3 } });
  });

  it("takes the last of two equal keys", () => {
    expect(readYaml("a: 1\na: 2")).toEqual({ a: 2 });
  });

  it("reads JSON", () => {
    expect(readYaml('{"a": [1, "on", null]}')).toEqual({ a: [1, "on", null] });
  });

  it("says in which line and column a text is no YAML", () => {
    const read = (): unknown => readYaml("a: b\n c: d\n", 11);
    expect(read).toThrow(YamlError);
    expect(read).toThrow(/^yaml: line 12, column 3: /);
  });

  it("keeps a field called __proto__ an ordinary one", () => {
    const value = readYaml("__proto__: {polluted: true}") as object;
    expect(Object.getOwnPropertyNames(value)).toEqual(["__proto__"]);
    expect({}).not.toHaveProperty("polluted");
  });
});

describe("splitYaml", () => {
  it("finds the documents and their first lines, and leaves out empty ones", () => {
    const text = "# nothing\n---\na: 1\n--- # more\nb: 2\n---\n\n---\nc: |\n  ---x\n";
    expect(splitYaml(text).map(({ line, text: document }) => [line, readYaml(document)])).toEqual([
      [2, { a: 1 }],
      [4, { b: 2 }],
      [8, { c: "---x\n" }],
    ]);
  });

  it("counts lines of the stream in errors", () => {
    const [, second] = splitYaml("a: 1\n---\nb: [\n");
    expect(() => readYaml(second?.text ?? "", second?.line)).toThrow(/line [34], /);
  });
});

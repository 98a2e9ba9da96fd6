import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readYaml } from "./read-yaml.ts";
import { writeYaml } from "./write-yaml.ts";

/** Each as `kubectl get -o yaml` 1.33 prints it; test/e2e/cli-like-kubectl.test.ts compares whole objects with it. */
const strings: readonly (readonly [value: string, text: string])[] = [
  ["plain", "plain"],
  ["two words", "two words"],
  ["", '""'],
  ["yes", '"yes"'],
  ["0777", '"0777"'],
  ["2026-01-02T03:04:05Z", '"2026-01-02T03:04:05Z"'],
  ["12:30:45", '"12:30:45"'],
  ["1.2.3", "1.2.3"],
  ["a: b", "'a: b'"],
  ["a:b", "a:b"],
  ["# no comment", "'# no comment'"],
  ["a #b", "'a #b'"],
  ["it's", "it's"],
  ["'quoted'", "'''quoted'''"],
  ["- item", "'- item'"],
  ["-item", "-item"],
  ["*", "'*'"],
  [" lead", "' lead'"],
  ["trail ", "'trail '"],
  ["tab\there", '"tab\\there"'],
  ["one\ntwo\n", "|\n  one\n  two"],
  ["one\ntwo", "|-\n  one\n  two"],
  ["one\n\n", "|+\n  one\n"],
  [" lead\nx", "|2-\n   lead\n  x"],
  ["trail \nx", '"trail \\nx"'],
  ["größe ✓", "größe ✓"],
];

describe("writeYaml", () => {
  it.each(strings)("writes the text %j", (value, text) => {
    expect(writeYaml({ a: value })).toBe(`a: ${text}\n`);
  });

  it("puts lists at the height of their key, and mappings behind the dash", () => {
    expect(writeYaml({ a: [1, { b: [], c: { d: null } }, [true]], e: {} })).toBe(
      "a:\n- 1\n- b: []\n  c:\n    d: null\n- - true\ne: {}\n",
    );
  });

  it("orders keys as people count, letters last", () => {
    expect(writeYaml({ b: 1, a10: 1, a2: 1, "0x": 1, ".x": 1 })).toBe(".x: 1\n0x: 1\na2: 1\na10: 1\nb: 1\n");
  });

  it("folds plain text after eighty columns", () => {
    const long = "word ".repeat(30).trim();
    const [first = "", second = ""] = writeYaml({ message: long }).split("\n");
    expect(first).toHaveLength(83);
    expect(second).toMatch(/^ {2}word/);
  });

  it("writes what is read again as the same", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        // JSON has no -0.
        const data: unknown = JSON.parse(JSON.stringify({ value }));
        expect(readYaml(writeYaml(data))).toEqual(data);
      }),
      { numRuns: 500 },
    );
  });

  it("writes any text so that it is read again as the same", () => {
    const texts = fc.string({ unit: fc.constantFrom(...Array.from(" \n\t:#-'\"&*yn01.~|>\\é")) });
    fc.assert(
      fc.property(texts, (text) => {
        const data = { key: text, [`k${text}`]: 1 };
        expect(readYaml(writeYaml(data))).toEqual(data);
      }),
      { numRuns: 2000 },
    );
  });
});

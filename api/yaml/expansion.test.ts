import { expect, it } from "vitest";
import { expansionProblem } from "./expansion.ts";
import { readYaml } from "./read-yaml.ts";

const bomb = (levels: number): string =>
  Array.from(
    { length: levels },
    (_, level) => `l${level}: &l${level} [${Array.from({ length: 10 }, () => (level === 0 ? "x" : `*l${level - 1}`)).join()}]`,
  ).join("\n");

it("lets anchors be used a few times", () => {
  expect(readYaml("a: &a {x: [1, 2]}\nb: *a\nc: [*a, *a]")).toMatchObject({ c: [{ x: [1, 2] }, { x: [1, 2] }] });
  expect(expansionProblem(readYaml(bomb(5)))).toBeUndefined();
});

it("refuses a few lines that stand for a thousand million, without counting them", () => {
  expect(() => readYaml(bomb(9))).toThrow("yaml: line 1, column 1: document contains excessive aliasing");
});

it("refuses a value that contains itself", () => {
  expect(() => readYaml("a: &a [*a]")).toThrow("an anchor's value contains itself");
});

it.each([2_000, 200_000])("refuses %d lists in each other", (depth) => {
  expect(() => readYaml("[".repeat(depth) + "]".repeat(depth))).toThrow("exceeded max depth");
});

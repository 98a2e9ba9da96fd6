import { describe, expect, test } from "vitest";
import { compileLabelSelector, formatLabelSelector, parseLabelSelector, selectorFromLabels } from "./label-selector.ts";

describe("parseLabelSelector", () => {
  // Inputs of apimachinery's selector_test.go.
  test.each([
    ["", ""],
    ["x=a,y=b,z=c", "x=a,y=b,z=c"],
    ["x!=a,y=b", "x!=a,y=b"],
    ["x=", "x="],
    ["x= ", "x="],
    ["x=,z= ", "x=,z="],
    ["x= ,z= ", "x=,z="],
    ["!x", "!x"],
    ["x>1", "x>1"],
    ["x<-1", undefined],
    ["x>1,z<5", "x>1,z<5"],
    ["z,a==b", "a==b,z"],
    ["x in (foo,,baz),y,z notin ()", "x in (,baz,foo),y,z notin ()"],
    ["in in (notin,in)", "in in (in,notin)"],
    ["x in (b , a)", "x in (a,b)"],
    ["x=in", "x=in"],
  ])("reads '%s' and writes it in order", (text, written) => {
    if (written === undefined) expect(() => parseLabelSelector(text)).toThrow();
    else expect(formatLabelSelector(parseLabelSelector(text))).toBe(written);
  });

  test.each([
    ["x=a||y=b", /^unable to parse requirement: values\[0\]\[x\]: Invalid value: "a\|\|y": a valid label must/],
    ["x==a==b", "found '==', expected: ',' or 'end of string'"],
    ["x=a,", "found '', expected: identifier after ','"],
    ["!x=a", "found '=', expected: ',' or 'end of string'"],
    ["x<a", /values\[0\]: Invalid value: "a": for 'Gt', 'Lt' operators, the value must be an integer/],
    ["x in a", "unable to parse requirement: found 'a' expected: '('"],
    ["x in (a", "unable to parse requirement: found '', expected: ',' or ')'"],
    ["x y", "unable to parse requirement: found 'y', expected: in, notin, =, ==, !=, gt, lt"],
    ["(x", "found '(', expected: !, identifier, or 'end of string'"],
    ["%", /^unable to parse requirement: <nil>: Invalid value: "%": name part must consist of/],
  ])("refuses '%s' in upstream's words", (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
  });
});

describe("matching", () => {
  test.each([
    ["a=b", { a: "b" }, true],
    ["a=b", { a: "c" }, false],
    ["a!=b", {}, true],
    ["a in (b,c)", { a: "c" }, true],
    ["a in (b,c)", {}, false],
    ["a notin (b)", {}, true],
    ["a notin (b)", { a: "b" }, false],
    ["a", { a: "" }, true],
    ["!a", { a: "" }, false],
    ["a>5", { a: "10" }, true],
    ["a>5", { a: "x" }, false],
    ["a<5", { a: "4" }, true],
    ["constructor", {}, false],
  ] as const)("%s against %o is %s", (text, labels, expected) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(expected);
  });
});

describe("compileLabelSelector", () => {
  test("absent selects nothing and empty selects everything", () => {
    expect(compileLabelSelector(undefined).matches({})).toBe(false);
    expect(compileLabelSelector({}).matches({ a: "b" })).toBe(true);
  });

  test("labels and expressions must all hold", () => {
    const selector = compileLabelSelector({
      matchLabels: { app: "web" },
      matchExpressions: [
        { key: "tier", operator: "In", values: ["b", "a"] },
        { key: "old", operator: "DoesNotExist" },
      ],
    });
    expect(formatLabelSelector(selector)).toBe("app=web,!old,tier in (a,b)");
    expect(selector.matches({ app: "web", tier: "a" })).toBe(true);
    expect(selector.matches({ app: "web", tier: "a", old: "" })).toBe(false);
    expect(selector.matches({ app: "web" })).toBe(false);
  });

  test("names what is wrong", () => {
    expect(() => compileLabelSelector({ matchExpressions: [{ key: "a", operator: "Near" }] })).toThrow(
      '"Near" is not a valid label selector operator',
    );
    expect(() => compileLabelSelector({ matchExpressions: [{ key: "a", operator: "In" }] })).toThrow(
      "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    );
  });
});

test("selectorFromLabels writes labels in the order of their keys", () => {
  expect(formatLabelSelector(selectorFromLabels({ b: "2", a: "1" }))).toBe("a=1,b=2");
});

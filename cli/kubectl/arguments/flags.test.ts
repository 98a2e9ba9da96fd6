import { describe, expect, it } from "vitest";
import { durationMs, parseArguments, type Flag } from "./flags.ts";

const flags: readonly Flag[] = [
  { name: "watch", short: "w", type: "bool", help: "" },
  { name: "all", short: "A", type: "bool", help: "" },
  { name: "output", short: "o", type: "string", help: "" },
  { name: "filename", short: "f", type: "strings", help: "" },
  { name: "replicas", type: "int", fallback: "1", help: "" },
  { name: "timeout", type: "duration", fallback: "0s", help: "" },
  { name: "cascade", type: "string", fallback: "background", bare: "background", help: "" },
];
const parse = (...argv: string[]): ReturnType<typeof parseArguments> => parseArguments(flags, argv, "get");

describe("flags, as Go's pflag reads them", () => {
  it.each([
    [["-o", "wide"], "wide"],
    [["-owide"], "wide"],
    [["-o=wide"], "wide"],
    [["--output", "wide"], "wide"],
    [["--output=wide"], "wide"],
    [["--output="], ""],
    [["-o", "json", "-o", "yaml"], "yaml"],
  ])("%j", (argv, output) => {
    expect(parse(...argv).flags.string("output")).toBe(output);
  });

  it("stand anywhere between arguments, until --", () => {
    const { arguments: words, flags: found } = parse("pods", "-w", "web", "--", "-o", "x");
    expect(words).toEqual(["pods", "web", "-o", "x"]);
    expect([found.bool("watch"), found.string("output")]).toEqual([true, ""]);
  });

  it("may share a dash, the last with its value", () => {
    const { flags: found } = parse("-wAoyaml");
    expect([found.bool("watch"), found.bool("all"), found.string("output")]).toEqual([true, true, "yaml"]);
  });

  it("take a value by = alone where it may be missing", () => {
    expect(parse("--watch", "false").arguments).toEqual(["false"]);
    expect(parse("--watch=false").flags.bool("watch")).toBe(false);
    expect(parse("--cascade", "orphan").flags.string("cascade")).toBe("background");
    expect(parse("--cascade=orphan").flags.string("cascade")).toBe("orphan");
  });

  it("of several values may be repeated, or hold commas", () => {
    expect(parse("-f", "a,b", "-f", "-").flags.strings("filename")).toEqual(["a", "b", "-"]);
  });

  it("fall back, and say whether they were given", () => {
    const { flags: found } = parse("--timeout=1m30s");
    expect([found.int("replicas"), found.changed("replicas"), found.ms("timeout")]).toEqual([1, false, 90_000]);
  });

  it.each([
    [["--bogus"], "unknown flag: --bogus"],
    [["-wZ"], "unknown shorthand flag: 'Z' in -Z"],
    [["--output"], "flag needs an argument: --output"],
    [["-o"], "flag needs an argument: 'o' in -o"],
    [["--replicas=x"], 'invalid argument "x" for "--replicas" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [["-w=x"], 'invalid argument "x" for "-w, --watch" flag: strconv.ParseBool: parsing "x": invalid syntax'],
    [["--timeout=5"], 'invalid argument "5" for "--timeout" flag: time: invalid duration "5"'],
    [["--=x"], "bad flag syntax: --=x"],
  ])("%j are refused: %s", (argv, message) => {
    expect(() => parse(...argv)).toThrow(message);
  });
});

it.each([
  ["1h2m3.5s", 3_723_500],
  ["0", 0],
  ["-1s", -1000],
  ["250ms", 250],
  ["5", undefined],
  ["", undefined],
  ["1d", undefined],
])("reads the duration %j", (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  milliValue,
  parseQuantity,
  subtractQuantities,
  value,
} from "./quantity.ts";

// Expectations are those of apimachinery's quantity_test.go and quantity_example_test.go, and of its parser where it is lenient.
describe("canonicalQuantity", () => {
  test.each([
    ["0", "0"],
    ["0Gi", "0"],
    ["-0", "0"],
    ["1000m", "1"],
    ["1.5Gi", "1536Mi"],
    ["0.5", "500m"],
    [0.5, "500m"],
    [2, "2"],
    ["0.5Gi", "512Mi"],
    ["1024Ki", "1Mi"],
    ["1000Ki", "1000Ki"],
    ["1Gi", "1Gi"],
    ["1024", "1024"],
    ["1023Ki", "1023Ki"],
    ["512", "512"],
    ["0.001Ki", "1024m"],
    ["0.0001Ki", "102400u"],
    ["1000k", "1M"],
    ["1000000", "1M"],
    ["12e6", "12e6"],
    ["1000000e3", "1e9"],
    ["1e-3", "1e-3"],
    ["100n", "100n"],
    ["0.1n", "1n"],
    ["1.0000000001", "1000000001n"],
    ["-1.5", "-1500m"],
    ["-1.5Gi", "-1536Mi"],
    ["+5", "+5"],
    ["1.500", "1.500"],
    ["0.500", "500m"],
    ["9223372036854775807", "9223372036854775807"],
    ["9223372036854775808", "9223372036854775808"],
    ["8Ei", "9223372036854775807"],
    ["1000E", "1000E"],
    [" 5 ", "5"],
  ])("%s is written %s", (given, expected) => {
    expect(canonicalQuantity(given)).toBe(expected);
  });

  test.each([
    ["", /^quantities must match the regular expression/],
    ["1.2.3", /^quantities must match/],
    ["abc", /^quantities must match/],
    ["1 Gi", /^quantities must match/],
    ["1Mi2", /^unable to parse quantity's suffix$/],
    ["1mi", /^unable to parse quantity's suffix$/],
    ["1e", /^unable to parse quantity's suffix$/],
    ["1e99999999", /^unable to parse numeric part of quantity$/],
  ])("%s is refused", (given, message) => {
    expect(() => parseQuantity(given)).toThrow(message);
  });

  test("reading what was written changes nothing", () => {
    const suffix = fc.constantFrom(
      "",
      "n",
      "u",
      "m",
      "k",
      "M",
      "G",
      "T",
      "P",
      "E",
      "Ki",
      "Mi",
      "Gi",
      "Ti",
      "Pi",
      "Ei",
      "e3",
      "E-3",
    );
    fc.assert(
      fc.property(fc.integer(), fc.nat(999_999), suffix, (whole, fraction, unit) => {
        const written = canonicalQuantity(`${whole}.${fraction}${unit}`);
        expect(canonicalQuantity(written)).toBe(written);
        expect(compareQuantities(parseQuantity(written), parseQuantity(`${whole}.${fraction}${unit}`))).toBe(0);
      }),
    );
  });
});

describe("arithmetic", () => {
  test("rounds values up", () => {
    expect(value(parseQuantity("1500m"))).toBe(2);
    expect(value(parseQuantity("-1500m"))).toBe(-2);
    expect(milliValue(parseQuantity("1500u"))).toBe(2);
    expect(milliValue(parseQuantity("2"))).toBe(2000);
    expect(value(parseQuantity("1Gi"))).toBe(2 ** 30);
  });

  test("adds and subtracts in the format of the left side", () => {
    const sum = addQuantities(parseQuantity("1Gi"), parseQuantity("1M"));
    expect(sum.nanos).toBe((2n ** 30n + 1_000_000n) * 1_000_000_000n);
    expect(sum.format).toBe("BinarySI");
    expect(addQuantities(parseQuantity("0"), parseQuantity("1Gi")).format).toBe("BinarySI");
    expect(compareQuantities(subtractQuantities(parseQuantity("1"), parseQuantity("500m")), parseQuantity("0.5"))).toBe(0);
  });
});

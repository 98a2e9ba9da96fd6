import { describe, expect, it } from "vitest";
import { OwnValues } from "./own-values.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("values that this process writes", () => {
  it("come back as they are in memory, once", () => {
    const own = new OwnValues();
    const value = bytes("v");
    own.add("k", value);
    expect(own.take("k", bytes("v"))).toBe(value);
    expect(own.take("k", bytes("v"))).toBeUndefined();
  });

  it("are not mistaken for what somebody else wrote under the key", () => {
    const own = new OwnValues();
    const value = bytes("ours");
    own.add("k", value);
    expect(own.take("k", bytes("theirs"))).toBeUndefined();
    expect(own.take("another", bytes("ours"))).toBeUndefined();
    expect(own.take("k", bytes("ours"))).toBe(value);
  });

  it("are let go when they were not written, unless another is being written by now", () => {
    const own = new OwnValues();
    const [first, second] = [bytes("v"), bytes("v")];
    own.add("k", first);
    own.add("k", second);
    own.remove("k", first);
    expect(own.take("k", bytes("v"))).toBe(second);
    own.add("k", first);
    own.remove("k", first);
    expect(own.take("k", bytes("v"))).toBeUndefined();
  });

  it("are copied when they lie in a larger buffer", () => {
    const own = new OwnValues();
    own.add("k", bytes("value").subarray(0, 1));
    expect(own.take("k", bytes("v"))).toBeUndefined();
  });
});

import { describe, expect, it } from "vitest";
import { decodeSwapped, encodeSwap } from "./swap-message.ts";

const key = Buffer.from("/registry/k/a");
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const compared = (revision: string): string => `080010021a0d${hex(key)}30${revision}`;

/** Whole messages here are what `etcd3` makes of the same requests, and of answers. */
describe("a compare-and-swap in etcd's words", () => {
  it("creates", () => {
    const message = encodeSwap(key, 0, { value: Buffer.from("v") });
    expect(hex(message)).toBe(`0a15${compared("00")}121412120a0d${hex(key)}120176`);
  });

  it("replaces at a large revision, with a lease that has more digits than a number can hold", () => {
    const value = Buffer.alloc(300, "x");
    const message = encodeSwap(key, 4_294_967_299, { value, lease: "7587862094234567891" });
    const put = `0a0d${hex(key)}12ac02${hex(value)}18d38983dcf58be0a669`;
    expect(hex(message)).toBe(`0a19${compared("8380808010")}12cb0212c802${put}`);
  });

  it("deletes", () => {
    expect(hex(encodeSwap(key, 5, "nothing"))).toBe(`0a15${compared("05")}12111a0f0a0d${hex(key)}`);
  });

  it("has room for long keys and values", () => {
    const long = { key: Buffer.alloc(5_000, "k"), value: Buffer.alloc(2_000_000, "v") };
    const message = encodeSwap(long.key, 2 ** 52, { value: long.value, lease: "9223372036854775807" });
    expect(Buffer.from(message).includes(long.value)).toBe(true);
  });
});

describe("the answer to a compare-and-swap", () => {
  const done = "0a1e08c4cf8ab1dcb3eb9bef0110e9e4bcb28fbafc888201188380808010200210011a0612040a021807";

  it("says at which revision it was done", () => {
    expect(decodeSwapped(Buffer.from(done, "hex"))).toEqual({ succeeded: true, revision: 4_294_967_299 });
  });

  it("says that the key was not as expected", () => {
    const refused = Buffer.from("0a0808011002180920021000", "hex");
    expect(decodeSwapped(refused)).toEqual({ succeeded: false, revision: 9 });
    // As Go leaves out what is false.
    expect(decodeSwapped(refused.subarray(0, -2))).toEqual({ succeeded: false, revision: 9 });
  });

  it("is not taken for one when it is cut off", () => {
    expect(() => decodeSwapped(Buffer.from(done.slice(0, 30), "hex"))).toThrow("cut off");
  });
});

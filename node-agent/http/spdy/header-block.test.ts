import { describe, expect, it } from "vitest";
import { decodeHeaders, encodeHeaders, HeaderCodec } from "./header-block.ts";
import { headerDictionary } from "./header-dictionary.ts";

describe("header blocks", () => {
  it("are a number of pairs, each string behind its length", () => {
    const block = Buffer.from("00000001 0000000a 73747265616d74797065 00000005 6572726f72".replaceAll(" ", ""), "hex");
    const headers = new Map([["streamtype", "error"]]);
    expect(encodeHeaders(headers)).toEqual(block);
    expect(decodeHeaders(block)).toEqual(headers);
  });

  it("know names in lower case only", () => {
    expect(decodeHeaders(encodeHeaders(new Map([["StreamType", "Error"]])))).toEqual(new Map([["streamtype", "Error"]]));
  });

  it("that promise more than they hold are refused", () => {
    expect(() => decodeHeaders(Buffer.from("0000000100000009", "hex"))).toThrow("cut short");
  });

  it("are compressed against SPDY/3's dictionary, whose checksum stands in front", async () => {
    expect(headerDictionary.length).toBe(1423);
    const compressed = await new HeaderCodec().compress(new Map());
    expect(compressed.subarray(0, 6).toString("hex")).toBe("78bbe3c6a7c2");
  });

  it("come back as they went, each compressed against those before", async () => {
    const [client, server] = [new HeaderCodec(), new HeaderCodec()];
    const first = await client.compress(new Map([["streamtype", "stdout"]]));
    const second = await client.compress(new Map([["streamtype", "stdout"]]));
    expect(second.length).toBeLessThan(first.length);
    expect(await server.decompress(first)).toEqual(new Map([["streamtype", "stdout"]]));
    expect(await server.decompress(second)).toEqual(new Map([["streamtype", "stdout"]]));
  });

  it("that grow beyond measure are refused", async () => {
    const large = await new HeaderCodec().compress(new Map([["a", "x".repeat(1_000_000)]]));
    await expect(new HeaderCodec().decompress(large)).rejects.toThrow("too large");
  });

  it("that are no zlib stream are refused", async () => {
    await expect(new HeaderCodec().decompress(Buffer.from("nonsense"))).rejects.toThrow();
  });
});

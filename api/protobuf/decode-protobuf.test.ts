import { describe, expect, test } from "vitest";
import { samples } from "../../test/golden/samples/samples.ts";
import { DecodeError } from "../decode.ts";
import { decodeProtobuf } from "./decode-protobuf.ts";

const configMap = "io.k8s.api.core.v1.ConfigMap";

describe("decodeProtobuf", () => {
  test.each(samples.map((sample) => [sample.name, sample] as const))("reads %s as its JSON says", (_name, sample) => {
    expect(decodeProtobuf(sample.protobuf, sample.definition)).toEqual(sample.json);
  });

  test.each([
    ["JSON", Buffer.from("{}")],
    ["nothing", Buffer.alloc(0)],
  ])("refuses %s by its first bytes", (_what, bytes) => {
    expect(() => decodeProtobuf(bytes, configMap)).toThrow(
      "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    );
  });

  test("refuses every truncated message with a DecodeError, and never hangs or crashes", () => {
    const whole = samples.find(({ name }) => name === "core.v1.ConfigMap")?.protobuf ?? Buffer.alloc(0);
    let refused = 0;
    for (let length = 4; length < whole.length; length++) {
      try {
        decodeProtobuf(whole.subarray(0, length), configMap);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(whole.length / 2);
  });
});

import { describe, expect, it } from "vitest";
import { dataFrame, FrameReader, goAwayFrame, pingFrame, rstStreamFrame, synReplyFrame, type Frame } from "./frames.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** The layouts are those of SPDY Protocol, Draft 3.1, sections 2.2.2 and 2.6. */
describe("frames of SPDY/3.1", () => {
  it.each<[string, string, Frame]>([
    [
      "SYN_STREAM",
      "8003 0001 00 00000c  00000003 00000000 00 00 abcd",
      { type: "synStream", stream: 3, last: false, headers: hex("abcd") },
    ],
    [
      "SYN_STREAM that ends at once",
      "8003 0001 01 00000a  00000005 00000000 00 00",
      { type: "synStream", stream: 5, last: true, headers: hex("") },
    ],
    ["RST_STREAM", "8003 0003 00 000008  00000003 00000005", { type: "rstStream", stream: 3 }],
    ["PING", "8003 0006 00 000004  00000007", { type: "ping", id: 7 }],
    ["GOAWAY", "8003 0007 00 000008  00000003 00000000", { type: "goAway" }],
    ["SETTINGS", "8003 0004 00 000004  00000000", { type: "other" }],
    ["WINDOW_UPDATE", "8003 0009 00 000008  00000003 00001000", { type: "other" }],
    ["DATA", "00000003 00 000002  6869", { type: "data", stream: 3, last: false, bytes: Buffer.from("hi") }],
    ["DATA that ends its stream", "00000003 01 000000", { type: "data", stream: 3, last: true, bytes: Buffer.alloc(0) }],
  ])("reads %s, in one piece and byte by byte", (_name, bytes, frame) => {
    expect([...new FrameReader().read(hex(bytes))]).toEqual([frame]);
    const reader = new FrameReader();
    const pieces = [...hex(bytes)].flatMap((byte) => [...reader.read(Buffer.from([byte]))]);
    expect(pieces.at(-1)).toMatchObject({ type: frame.type, ...("last" in frame && { last: frame.last }) });
    const sum = Buffer.concat(pieces.map((piece) => (piece.type === "data" ? piece.bytes : Buffer.alloc(0))));
    expect(sum).toEqual(frame.type === "data" ? frame.bytes : Buffer.alloc(0));
  });

  it("hands on the data there is, without waiting for the rest of its frame", () => {
    const reader = new FrameReader();
    expect([...reader.read(hex("00000001 01 000004 6162"))]).toEqual([
      { type: "data", stream: 1, last: false, bytes: Buffer.from("ab") },
    ]);
    expect([...reader.read(hex("6364 8003 0006 00 000004 00000001"))]).toEqual([
      { type: "data", stream: 1, last: true, bytes: Buffer.from("cd") },
      { type: "ping", id: 1 },
    ]);
  });

  it.each([
    ["another version", "8002 0006 00 000004 00000001"],
    ["a control frame beyond 64 KiB", "8003 0001 00 010001"],
    ["a control frame that is cut short", "8003 0003 00 000002 0000"],
  ])("refuses %s", (_name, bytes) => {
    expect(() => [...new FrameReader().read(hex(bytes))]).toThrow();
  });

  it.each([
    ["SYN_REPLY", synReplyFrame(3, hex("abcd")), "8003 0002 00 000006  00000003 abcd"],
    ["RST_STREAM", rstStreamFrame(3, 5), "8003 0003 00 000008  00000003 00000005"],
    ["PING", pingFrame(2), "8003 0006 00 000004  00000002"],
    ["GOAWAY", goAwayFrame(9), "8003 0007 00 000008  00000009 00000000"],
    ["DATA", dataFrame(3, Buffer.from("hi")), "00000003 00 000002  6869"],
    ["the last DATA", dataFrame(3, Buffer.alloc(0), true), "00000003 01 000000"],
  ])("writes %s", (_name, frame, bytes) => {
    expect(frame).toEqual(hex(bytes));
  });
});

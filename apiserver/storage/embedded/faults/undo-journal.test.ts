import { describe, expect, it } from "vitest";
import { seededRandom } from "#base/random";
import { afterPowerCut, losses, readUndoJournal } from "./undo-journal.testing.ts";

const record = (type: number, order: number, a = 0, b = 0, size = 0, bytes = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(40);
  for (const [field, value] of [type, order, a, b, size].entries()) head.writeBigUInt64LE(BigInt(value), field * 8);
  return Buffer.concat([head, bytes]);
};
const write = (order: number, offset: number, before: string, size: number): Buffer =>
  record(1, order, offset, before.length, size, Buffer.from(before));
const flushBegins = (order: number): Buffer => record(2, order);
const flushEnded = (order: number, begun: number, succeeded = 1): Buffer => record(3, order, begun, succeeded);

const old = "a".repeat(512);
const lost = (file: string, records: readonly Buffer[]): string =>
  afterPowerCut(Buffer.from(file), readUndoJournal(Buffer.concat(records)), "everything", () => 0.9).toString();

describe("what a power cut takes from a file", () => {
  it("is what was written since the last flush began", () => {
    expect(lost("bbbb", [write(1, 0, "aaaa", 4)])).toBe("aaaa");
    expect(lost("bbbb", [write(1, 0, "aaaa", 4), flushBegins(2), flushEnded(3, 2)])).toBe("bbbb");
    expect(lost("ccbb", [write(1, 0, "aaaa", 4), flushBegins(2), flushEnded(3, 2), write(4, 0, "bb", 4)])).toBe("bbbb");
    expect(lost("bbbb", [flushBegins(1), write(2, 0, "aaaa", 4), flushEnded(3, 1)])).toBe("aaaa");
    expect(lost("bbbb", [write(1, 0, "aaaa", 4), flushBegins(2)])).toBe("aaaa");
  });

  it("is not a write that was durable by itself", () => {
    expect(lost("bb", [write(1, 0, "aa", 2), record(4, 2, 1)])).toBe("bb");
  });

  it("is what a failed flush left, whatever is flushed later", () => {
    const failed = [write(1, 0, old, 512), flushBegins(2), flushEnded(3, 2, 0), flushBegins(4), flushEnded(5, 4)];
    expect(lost("b".repeat(512), failed)).toBe(old);
  });

  it("includes a size that was never flushed", () => {
    const grown = readUndoJournal(write(1, 4, "\0\0\0\0", 4));
    expect(afterPowerCut(Buffer.from("aaaabbbb"), grown, "everything", () => 0.9).toString()).toBe("aaaa");
    expect(afterPowerCut(Buffer.from("aaaabbbb"), grown, "everything", () => 0).toString()).toBe("aaaa\0\0\0\0");
  });

  it("is any subset of the sectors, each as one of its writes left it", () => {
    const records = [write(1, 0, old + old, 1024), write(2, 0, "b".repeat(512), 1024)];
    const file = Buffer.from("c".repeat(512) + "b".repeat(512));
    const random = seededRandom(1);
    const seen = new Set<string>();
    for (let turn = 0; turn < 200; turn++) {
      const disk = afterPowerCut(file, readUndoJournal(Buffer.concat(records)), "sectors", () => random.float());
      seen.add(`${disk.toString("latin1", 0, 1)}${disk.toString("latin1", 512, 513)}`);
    }
    expect([...seen].sort()).toEqual(["aa", "ab", "ba", "bb", "ca", "cb"]);
  });

  it.each(losses)("is nothing of what was flushed (%s)", (loss) => {
    const random = seededRandom(2);
    const records = [write(1, 0, old, 512), flushBegins(2), flushEnded(3, 2), write(4, 512, old, 512)];
    for (let turn = 0; turn < 50; turn++) {
      const file = Buffer.from("b".repeat(1024));
      const disk = afterPowerCut(file, readUndoJournal(Buffer.concat(records)), loss, () => random.float());
      expect(disk.toString("latin1", 0, 512)).toBe("b".repeat(512));
    }
  });

  it("leaves out what the journal's end does not tell completely", () => {
    expect(readUndoJournal(write(1, 0, old, 512).subarray(0, 100)).writes).toEqual([]);
  });
});

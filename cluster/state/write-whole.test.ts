import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeDurably, writeWhole } from "./write-whole.ts";

describe.each([
  ["writeWhole", writeWhole],
  ["writeDurably", writeDurably],
] as const)("%s", (_name, write) => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skiff-write-"));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("makes the folders it needs, lets nobody else read, and replaces what is there", async () => {
    const path = join(folder, "a/b/file");
    await write(path, "one");
    await write(path, "two");
    expect(readFileSync(path, "utf8")).toBe("two");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "a")).mode & 0o777).toBe(0o700);
  });
});

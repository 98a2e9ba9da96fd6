import { mkdtemp, readFile, readdir, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeAtomically } from "./atomic-writer.ts";

const files = (contents: Record<string, string>, mode = 0o644) =>
  new Map(Object.entries(contents).map(([path, text]) => [path, { content: Buffer.from(text), mode }]));

describe("writeAtomically", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-volume-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = (path: string) => readFile(join(folder, path), "utf8");

  it("shows each file under its name, with its mode, through ..data", async () => {
    await writeAtomically(folder, files({ a: "1", "deep/er/b": "2" }, 0o400));
    expect([await read("a"), await read("deep/er/b")]).toEqual(["1", "2"]);
    expect(await readlink(join(folder, "a"))).toBe("..data/a");
    expect((await stat(join(folder, "a"))).mode & 0o777).toBe(0o400);
  });

  it("changes everything at once by one link, and leaves nothing of the old", async () => {
    await writeAtomically(folder, files({ a: "1", gone: "x" }));
    const before = await readlink(join(folder, "..data"));
    expect(await writeAtomically(folder, files({ a: "2", b: "3" }))).toBe(true);
    expect(await readlink(join(folder, "..data"))).not.toBe(before);
    expect((await readdir(folder)).filter((name) => !name.startsWith("..")).sort()).toEqual(["a", "b"]);
    expect(await readdir(folder)).not.toContain(before);
    expect(await read("a")).toBe("2");
  });

  it("touches nothing when nothing has changed", async () => {
    await writeAtomically(folder, files({ a: "1" }));
    const before = await readlink(join(folder, "..data"));
    expect(await writeAtomically(folder, files({ a: "1" }))).toBe(false);
    expect(await readlink(join(folder, "..data"))).toBe(before);
  });
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { writeSnapshot } from "#apiserver/storage/snapshot/write-snapshot";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { CommandFailure } from "../failure.ts";
import { checkSnapshotFile, writeSnapshotFile } from "./snapshot-file.ts";

describe("a snapshot's file", () => {
  let folder: string;
  let file: string;
  const quietly = { force: false, progress: () => undefined };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skiff-snapshot-file-"));
    file = join(folder, "a.snapshot");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function* snapshot(upTo = Infinity): AsyncGenerator<Uint8Array> {
    const storage = new MemoryStorage({ clock: new FakeClock(), log: silentLogger });
    for (let index = 0; index < 5; index++) await storage.put(`/registry/${index}`, new Uint8Array(100_000), 0);
    let left = upTo;
    const about = { takenAt: "2026-01-01T00:00:00Z", skiffVersion: "0.1.0" };
    for await (const chunk of writeSnapshot(await storage.dump("/registry/"), about)) {
      yield chunk.subarray(0, left);
      left = Math.max(0, left - chunk.length);
    }
  }

  async function* failing(): AsyncGenerator<Uint8Array> {
    yield* snapshot(200_000);
    throw new Error("the server has gone");
  }

  it("is whole and its owner's alone", async () => {
    const status = await writeSnapshotFile(file, snapshot(), quietly);
    expect(status).toMatchObject({ count: 5, size: statSync(file).size });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["a.snapshot"]);
    expect(await checkSnapshotFile(file)).toEqual(status);
  });

  it("is not there when what came was cut off or failed, and one that was there stays as it was", async () => {
    for (const bytes of [() => snapshot(300_000), failing]) {
      await expect(writeSnapshotFile(file, bytes(), quietly)).rejects.toThrow(/cut off|has gone/);
      expect(readdirSync(folder)).toEqual([]);
    }
    await writeSnapshotFile(file, snapshot(), quietly);
    const before = readFileSync(file);
    await expect(writeSnapshotFile(file, snapshot(300_000), { ...quietly, force: true })).rejects.toThrow("cut off");
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(["a.snapshot"]);
  });

  it("is replaced only by force, whatever a killed one has left", async () => {
    writeFileSync(`${file}.part`, "left", { mode: 0o644 });
    await writeSnapshotFile(file, snapshot(), quietly);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await expect(writeSnapshotFile(file, snapshot(), quietly)).rejects.toThrow("is there already");
    await writeSnapshotFile(file, snapshot(), { ...quietly, force: true });
    expect(readdirSync(folder)).toEqual(["a.snapshot"]);
  });

  it("that another one made meanwhile is not overwritten", async () => {
    async function* overtaken(): AsyncGenerator<Uint8Array> {
      yield* snapshot();
      writeFileSync(file, "mine");
    }
    await expect(writeSnapshotFile(file, overtaken(), quietly)).rejects.toThrow("is there already");
    expect(readFileSync(file, "utf8")).toBe("mine");
  });

  it("is told apart from what is no file", async () => {
    await expect(checkSnapshotFile(file)).rejects.toThrow(`there is no file ${file}`);
    await expect(checkSnapshotFile(folder)).rejects.toThrow("is no file");
    await expect(writeSnapshotFile(join(folder, "none/b"), snapshot(), quietly)).rejects.toThrow(/there is no folder .*none/);
    mkdirSync(file);
    await expect(writeSnapshotFile(file, snapshot(), quietly)).rejects.toThrow(CommandFailure);
  });
});

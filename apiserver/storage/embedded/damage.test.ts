import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import { openEmbeddedStorage } from "./embedded-storage.ts";
import { damageOf } from "./page-check.ts";

describe("the file of an embedded store", () => {
  const folder = mkdtempSync(join(tmpdir(), "skiff-damage-"));
  const directory = join(folder, "store");
  const file = join(directory, "data");
  const whole = join(folder, "whole");
  const open = () => openEmbeddedStorage({ directory, clock: new FakeClock(), log: silentLogger });

  beforeAll(async () => {
    const storage = await open();
    const random = seededRandom(1);
    for (let turn = 0; turn < 10; turn++) {
      await Promise.all(
        Array.from({ length: 30 }, async () => {
          const key = `/k/${Math.floor(random.float() * 100)}`;
          const entry = await storage.get(key);
          const value = new Uint8Array(random.float() < 0.2 ? 6_000 : 100);
          await storage.put(key, value, entry?.revision ?? 0).catch(() => undefined);
        }),
      );
    }
    await storage.compact((await storage.revision()) - 50);
    await storage.close();
    copyFileSync(file, whole);
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it("is found to be whole when it is", async () => {
    expect(damageOf(whole)).toBeUndefined();
    await (await open()).close();
  });

  it.each([0, 1, 100, 4096, 8192, 0.3, 0.9])("is refused when it ends early (%d), in words that say what to do", async (part) => {
    copyFileSync(whole, file);
    truncateSync(file, part < 1 ? Math.floor(statSync(whole).size * part) : part);
    await expect(open()).rejects.toMatchObject({
      reason: "Corrupt",
      message: expect.stringContaining("skiff snapshot restore FILE") as string,
    });
  });

  it("is refused when it holds something else", async () => {
    for (const byte of [0, 0xff, 0x41]) {
      writeFileSync(file, Buffer.alloc(statSync(whole).size, byte));
      await expect(open()).rejects.toMatchObject({ reason: "Corrupt" });
    }
  });

  it("is refused or can be read, whichever of its pages is overwritten, and never ends the process", async () => {
    copyFileSync(whole, file);
    const handle = openSync(file, "r+");
    const random = seededRandom(2);
    const outcomes = { refused: 0, opened: 0 };
    const page = Buffer.alloc(4096);
    for (let at = 0; at < statSync(file).size; at += page.length) {
      readSync(handle, page, 0, page.length, at);
      writeSync(handle, random.bytes(page.length), 0, page.length, at);
      try {
        const storage = await open();
        await storage.list("").finally(() => storage.close());
        outcomes.opened++;
      } catch (error) {
        expect(error).toMatchObject({ reason: "Corrupt" });
        outcomes.refused++;
      }
      writeSync(handle, page, 0, page.length, at);
    }
    closeSync(handle);
    expect(outcomes.refused).toBeGreaterThan(10);
    // Free pages, and those that hold nothing but a value.
    expect(outcomes.opened).toBeGreaterThan(10);
  });

  it("is refused when log and contents do not belong together", async () => {
    copyFileSync(whole, file);
    const storage = await open();
    const { revision } = await storage.put("/one", new Uint8Array(1), 0);
    await storage.close();
    const bytes = readFileSync(file);
    const at = Buffer.alloc(8);
    at.writeDoubleBE(revision);
    const later = Buffer.alloc(8);
    later.writeDoubleBE(revision + 1);
    // Wherever the revision is the value of the table `meta`.
    for (let found = bytes.indexOf("revision"); found >= 0; found = bytes.indexOf("revision", found + 1)) {
      const value = bytes.indexOf(at, found);
      if (value > 0 && value - found < 16) later.copy(bytes, value);
    }
    writeFileSync(file, bytes);
    await expect(open()).rejects.toMatchObject({ reason: "Corrupt" });
  });
});

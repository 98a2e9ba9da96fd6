import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { openEmbeddedStorage } from "./embedded-storage.ts";

const canMount = process.getuid?.() === 0 || process.env.CI === "true";

describe.skipIf(!canMount)("the embedded store on a full disk (needs root, to mount a small one)", () => {
  it("refuses writes with NoSpace, goes on reading, and writes again where there is room", async () => {
    const directory = mkdtempSync(join(tmpdir(), "skiff-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "skiff-test", directory]);
    try {
      const storage = await openEmbeddedStorage({
        directory: join(directory, "store"),
        clock: new FakeClock(),
        log: silentLogger,
      });
      const start = await storage.revision();
      const value = new Uint8Array(100_000);
      let written = 0;
      const fill = async (): Promise<void> => {
        for (; ; written++) await storage.put(`/k/${written}`, value, 0);
      };
      await expect(fill()).rejects.toMatchObject({ reason: "NoSpace" });
      expect(await storage.revision()).toBe(start + written);
      expect((await storage.list("/k/")).entries).toHaveLength(written);
      expect(await storage.get(`/k/${written}`)).toBeUndefined();
      expect((await storage.put("/small", Buffer.from("x"), 0)).revision).toBe(start + written + 1);
      await storage.close();
    } finally {
      execFileSync("umount", [directory]);
      rmSync(directory, { recursive: true });
    }
  });
});

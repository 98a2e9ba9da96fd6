import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { bytesBelow } from "./disk-use.ts";

it("counts what lies below once, and nothing that links lead to", async () => {
  const folder = mkdtempSync(join(tmpdir(), "skiff-use-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const MiB = 2 ** 20;
  mkdirSync(join(folder, "used/below"), { recursive: true });
  writeFileSync(join(folder, "elsewhere"), Buffer.alloc(4 * MiB, 1));
  writeFileSync(join(folder, "used/below/file"), Buffer.alloc(MiB, 1));
  linkSync(join(folder, "used/below/file"), join(folder, "used/same"));
  symlinkSync(join(folder, "elsewhere"), join(folder, "used/link"));
  const used = await bytesBelow(join(folder, "used"));
  expect(used).toBeGreaterThanOrEqual(MiB);
  expect(used).toBeLessThan(MiB + 64 * 1024);
  expect(await bytesBelow(join(folder, "absent"))).toBe(0);
});

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { observeMachine } from "./machine.ts";

it("says nothing of the disk for images until there is a folder for them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skiff-machine-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const images = join(folder, "images");
  const signals = async (): Promise<readonly string[]> => [...(await observeMachine(folder, images)).keys()];
  expect(await signals()).not.toContain("imagefs.available");
  await mkdir(images);
  expect(await signals()).toContain("imagefs.available");
});

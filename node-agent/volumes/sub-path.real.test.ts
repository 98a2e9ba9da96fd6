import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unmount } from "../runtime/syscalls.ts";
import { bindSubPath } from "./sub-path.ts";

const skip = process.getuid?.() !== 0 && process.env["CI"] !== "true";

describe.skipIf(skip)("a part of a volume (needs root, to mount)", () => {
  let folder: string;
  let volume: string;
  let target: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "skiff-subpath-"));
    volume = join(folder, "volume");
    target = join(folder, "targets", "0");
    await mkdir(volume, { mode: 0o2770 });
    await writeFile(join(folder, "secret"), "not yours");
  });
  afterEach(async () => {
    unmount(target);
    await rm(folder, { recursive: true });
  });

  const bind = (subPath: string) => bindSubPath({ volume, subPath, target });

  it("is made with the volume's own mode where there is nothing", async () => {
    await bind("a/b");
    await writeFile(join(target, "file"), "x");
    expect(await readFile(join(volume, "a/b/file"), "utf8")).toBe("x");
    expect((await stat(join(volume, "a/b"))).mode & 0o7777).toBe((await stat(volume)).mode & 0o7777);
  });

  it("may be a file", async () => {
    await writeFile(join(volume, "one"), "1");
    await bind("one");
    expect(await readFile(target, "utf8")).toBe("1");
  });

  it("may be behind a link that stays inside, as the files of a ConfigMap are", async () => {
    await mkdir(join(volume, "..2026"));
    await writeFile(join(volume, "..2026", "key"), "value");
    await symlink("..2026", join(volume, "..data"));
    await symlink("..data/key", join(volume, "key"));
    await bind("key");
    expect(await readFile(target, "utf8")).toBe("value");
  });

  it("is bound anew at each start", async () => {
    await writeFile(join(volume, "one"), "1");
    await bind("one");
    await rm(join(volume, "one"));
    await writeFile(join(volume, "one"), "2");
    await bind("one");
    expect(await readFile(target, "utf8")).toBe("2");
  });

  it.each<[string, (at: string) => Promise<void>, string]>([
    ["a link to the host", (at) => symlink("/etc", join(at, "out")), "out"],
    ["a link upwards", (at) => symlink("../secret", join(at, "up")), "up"],
    ["a link in the middle of the way", (at) => symlink("/", join(at, "root")), "root/etc/passwd"],
    ["a link to what is not there yet", (at) => symlink("/tmp", join(at, "later")), "later/skiff-must-not-be-made"],
  ])("is refused behind %s", async (_name, prepare, subPath) => {
    await prepare(volume);
    await expect(bind(subPath)).rejects.toThrow("not within volume path");
    await expect(stat("/tmp/skiff-must-not-be-made")).rejects.toThrow("ENOENT");
    await expect(stat(target)).rejects.toThrow("ENOENT");
  });
});

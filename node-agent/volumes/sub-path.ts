import { constants } from "node:fs";
import { chmod, type FileHandle, mkdir, open, realpath, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { mount, mountFlags, unmount } from "../runtime/syscalls.ts";

/** Opens a name without following it, and without a right to what it names. */
const pathOnly = 0o10000000 | constants.O_NOFOLLOW;

/**
 * Binds what lies at `subPath` in a volume to `target`; a folder is made where there is nothing. A container may write into the
 * volume at the same moment: links are followed once, must end inside, and the way there is then walked name by name without
 * following any, so that what is bound is inside whatever the container does meanwhile (upstream: pkg/volume/util/subpath).
 *
 * @throws Error when it leads out of the volume
 */
export async function bindSubPath({
  volume,
  subPath,
  target,
}: {
  volume: string;
  subPath: string;
  target: string;
}): Promise<void> {
  const root = await realpath(volume);
  const found = await walk(root, await insideOf(root, join(root, subPath)));
  try {
    unmount(target);
    await mkdir(dirname(target), { recursive: true, mode: 0o750 });
    if ((await found.stat()).isDirectory()) await mkdir(target, { recursive: true, mode: 0o750 });
    else await writeFile(target, "", { flag: "a", mode: 0o640 });
    mount(`/proc/self/fd/${found.fd}`, target, null, mountFlags.bind | mountFlags.recursive, null);
  } finally {
    await found.close();
  }
}

/** Where the path really leads, as far as it exists; the rest is appended. */
async function insideOf(root: string, path: string): Promise<string> {
  const missing: string[] = [];
  for (let existing = path; ; existing = dirname(existing)) {
    const real = await realpath(existing).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    });
    if (real !== undefined) {
      if (real !== root && !real.startsWith(`${root}/`)) throw new Error(`subpath "${path}" not within volume path "${root}"`);
      return join(real, ...missing);
    }
    missing.unshift(existing.slice(dirname(existing).length + 1));
  }
}

async function walk(root: string, path: string): Promise<FileHandle> {
  let at = await open(root, pathOnly);
  for (const name of relative(root, path)
    .split("/")
    .filter((part) => part !== "")) {
    const next = await step(at, name).finally(() => at.close());
    if ((await next.stat()).isSymbolicLink()) {
      await next.close();
      throw new Error(`subpath "${path}" has become a symbolic link at "${name}"`);
    }
    at = next;
  }
  return at;
}

async function step(folder: FileHandle, name: string): Promise<FileHandle> {
  const path = `/proc/self/fd/${folder.fd}/${name}`;
  try {
    return await open(path, pathOnly);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const { mode } = await folder.stat();
    await mkdir(path, { mode: mode & 0o7777 });
    const made = await open(path, pathOnly);
    // The umask has no say here.
    await chmod(`/proc/self/fd/${made.fd}`, mode & 0o7777);
    return made;
  }
}

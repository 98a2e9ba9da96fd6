import { chmod, chown, mkdir, mkdtemp, readFile, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface ProjectedFile {
  readonly content: Uint8Array;
  readonly mode: number;
  /** Owns it; absent: the agent's own user. */
  readonly user?: number;
}

export interface AtomicWriteOptions {
  /** Owns the files, so that a group of the pod may read them. */
  readonly fsGroup?: number;
}

const dataLink = "..data";

/**
 * Puts files below `folder` so that readers see all of the old or all of the new: they lie in a folder of their own, `..data` is
 * a link to it that is swapped at once, and each name is a link through `..data` (upstream: AtomicWriter).
 *
 * @returns whether anything changed
 */
export async function writeAtomically(
  folder: string,
  files: ReadonlyMap<string, ProjectedFile>,
  { fsGroup }: AtomicWriteOptions = {},
): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, fsGroup === undefined ? 0o755 : 0o2775);
  if (fsGroup !== undefined) await chown(folder, -1, fsGroup);
  const previous = await readlink(join(folder, dataLink)).catch(() => undefined);
  if (previous !== undefined && (await holds(join(folder, previous), files))) return false;
  const fresh = await mkdtemp(join(folder, "..data-"));
  await chmod(fresh, 0o755);
  for (const [path, file] of files) await writeProjected(fresh, path, file, fsGroup);
  const link = join(folder, "..data_tmp");
  await rm(link, { force: true });
  await symlink(fresh.slice(folder.length + 1), link);
  await rename(link, join(folder, dataLink));
  await linkNames(folder, files);
  if (previous !== undefined) await rm(join(folder, previous), { recursive: true, force: true });
  return true;
}

async function writeProjected(
  folder: string,
  path: string,
  { content, mode, user }: ProjectedFile,
  fsGroup?: number,
): Promise<void> {
  const target = join(folder, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, content, { mode: 0o600 });
  if (fsGroup !== undefined || user !== undefined) await chown(target, user ?? -1, fsGroup ?? -1);
  // A group that owns the volume may read what its owner may.
  await chmod(target, fsGroup === undefined ? mode : mode | ((mode & 0o400) >> 3));
}

/** One link for the first part of each path; those of files that are gone are removed. */
async function linkNames(folder: string, files: ReadonlyMap<string, ProjectedFile>): Promise<void> {
  const wanted = new Set([...files.keys()].map((path) => path.split("/")[0] ?? ""));
  const present = (await readdir(folder)).filter((name) => !name.startsWith(".."));
  for (const name of present) if (!wanted.has(name)) await rm(join(folder, name), { force: true });
  for (const name of wanted) if (!present.includes(name)) await symlink(join(dataLink, name), join(folder, name));
}

async function holds(folder: string, files: ReadonlyMap<string, ProjectedFile>): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  if (entries.filter((entry) => entry.isFile()).length !== files.size) return false;
  for (const [path, { content }] of files) {
    const found = await readFile(join(folder, path)).catch(() => undefined);
    if (found === undefined || !found.equals(content)) return false;
  }
  return true;
}

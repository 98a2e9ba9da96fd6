import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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
 * All of it at once and in this thread: the files are small (a ConfigMap has a mebibyte at most), most lie in memory, and a turn of
 * another thread for each call would take longer than the calls.
 *
 * @returns whether anything changed
 */
export async function writeAtomically(
  folder: string,
  files: ReadonlyMap<string, ProjectedFile>,
  { fsGroup }: AtomicWriteOptions = {},
): Promise<boolean> {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, fsGroup === undefined ? 0o755 : 0o2775);
  if (fsGroup !== undefined) chownSync(folder, -1, fsGroup);
  const previous = linkTarget(join(folder, dataLink));
  if (previous !== undefined && holds(join(folder, previous), files)) return false;
  const fresh = mkdtempSync(join(folder, "..data-"));
  chmodSync(fresh, 0o755);
  for (const [path, file] of files) writeProjected(fresh, path, file, fsGroup);
  const link = join(folder, "..data_tmp");
  rmSync(link, { force: true });
  symlinkSync(fresh.slice(folder.length + 1), link);
  renameSync(link, join(folder, dataLink));
  linkNames(folder, files);
  if (previous !== undefined) rmSync(join(folder, previous), { recursive: true, force: true });
  return true;
}

function writeProjected(folder: string, path: string, { content, mode, user }: ProjectedFile, fsGroup?: number): void {
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content, { mode: 0o600 });
  if (fsGroup !== undefined || user !== undefined) chownSync(target, user ?? -1, fsGroup ?? -1);
  // A group that owns the volume may read what its owner may.
  chmodSync(target, fsGroup === undefined ? mode : mode | ((mode & 0o400) >> 3));
}

/** One link for the first part of each path; those of files that are gone are removed. */
function linkNames(folder: string, files: ReadonlyMap<string, ProjectedFile>): void {
  const wanted = new Set([...files.keys()].map((path) => path.split("/")[0] ?? ""));
  const present = readdirSync(folder).filter((name) => !name.startsWith(".."));
  for (const name of present) if (!wanted.has(name)) rmSync(join(folder, name), { force: true });
  for (const name of wanted) if (!present.includes(name)) symlinkSync(join(dataLink, name), join(folder, name));
}

function holds(folder: string, files: ReadonlyMap<string, ProjectedFile>): boolean {
  if (countFiles(folder) !== files.size) return false;
  for (const [path, { content }] of files) {
    const found = contentOf(join(folder, path));
    if (found === undefined || !found.equals(content)) return false;
  }
  return true;
}

function countFiles(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
  } catch {
    return 0;
  }
}

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

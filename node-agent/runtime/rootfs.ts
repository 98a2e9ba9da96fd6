import { existsSync, lstatSync, mkdirSync, readlinkSync } from "node:fs";
import { readFile, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runChecked } from "./run-command.ts";
import { mount, SyscallError, unmount } from "./syscalls.ts";

const overlayMagic = 0x794c7630;
const longestMountOptions = 4095;

/**
 * A container's root: the image's layers below, the container's own changes above. `volatile` leaves out every flush: what a
 * container wrote to its root is of no use after a crash of the machine. Made anew, it starts empty.
 */
export async function mountRootfs({ folder, layers }: { folder: string; layers: readonly string[] }): Promise<string> {
  const [rootfs, upper, work] = [join(folder, "rootfs"), join(folder, "upper"), join(folder, "work")];
  unmount(rootfs);
  for (const path of [upper, work]) if (existsSync(path)) await rm(path, { recursive: true, force: true });
  for (const path of [rootfs, upper, work]) mkdirSync(path, { recursive: true, mode: 0o755 });
  const base = dirname(layers[0] ?? "/");
  const options = (lower: readonly string[]) => `lowerdir=${lower.join(":")},upperdir=${upper},workdir=${work}`;
  const data = options(layers);
  if (data.length + ",volatile".length > longestMountOptions) await mountWithShortNames(rootfs, base, options, layers);
  else mountOverlay(rootfs, data);
  return rootfs;
}

export async function isRootfsMounted(folder: string): Promise<boolean> {
  const statistics = await statfs(join(folder, "rootfs")).catch(() => undefined);
  return statistics?.type === overlayMagic;
}

export function unmountRootfs(folder: string): void {
  unmount(join(folder, "rootfs"));
}

/**
 * Where `path` leads inside `root`, with every symbolic link taken as the container would: an image's link to `/` or `..` never
 * leaves the root. The last parts may not exist. @throws Error when links go round in circles
 */
function resolveInRoot(root: string, path: string): string {
  let pending = path.split("/");
  let resolved: readonly string[] = [];
  for (let links = 0; pending.length > 0;) {
    const [part = "", ...rest] = pending;
    pending = rest;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      resolved = resolved.slice(0, -1);
      continue;
    }
    const target = linkTarget(join(root, ...resolved, part));
    if (target === undefined) {
      resolved = [...resolved, part];
      continue;
    }
    if (++links > 40) throw new Error(`too many levels of symbolic links in ${path}`);
    if (target.startsWith("/")) resolved = [];
    pending = [...target.split("/"), ...pending];
  }
  return join(root, ...resolved);
}

/** Empty when the image has no such file. */
export async function readFromRootfs(root: string, path: string): Promise<string> {
  const file = resolveInRoot(root, path);
  return isFile(file) ? readFile(file, "utf8") : "";
}

export function makeFolderInRootfs(root: string, path: string): void {
  mkdirSync(resolveInRoot(root, path), { recursive: true, mode: 0o755 });
}

function mountOverlay(rootfs: string, data: string): void {
  try {
    mount("overlay", rootfs, "overlay", 0, `${data},volatile`);
  } catch (error) {
    // Kernels before 5.10 do not know it.
    if (!(error instanceof SyscallError) || error.code !== "EINVAL") throw error;
    mount("overlay", rootfs, "overlay", 0, data);
  }
}

/** The options of one mount fit a page. Names relative to the layers' folder make room for the 127 layers an image may have. */
async function mountWithShortNames(
  rootfs: string,
  base: string,
  options: (lower: readonly string[]) => string,
  layers: readonly string[],
): Promise<void> {
  const short = layers.map((layer) => (dirname(layer) === base ? layer.slice(base.length + 1) : layer));
  await runChecked(["mount", "-t", "overlay", "-o", options(short), "overlay", rootfs], { cwd: base });
}

function isFile(path: string): boolean {
  try {
    return lstatSync(path).isFile();
  } catch {
    return false;
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

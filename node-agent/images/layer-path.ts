import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";

class UnsafePath extends Error {
  override readonly name = "UnsafePath";
}

/** The parts of an entry's name below the root. An absolute name is taken from the root. @throws UnsafePath when `..` leads out */
export function entryParts(name: string): readonly string[] {
  let parts: readonly string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length === 0) throw new UnsafePath(`"${name}" leads out of the image`);
    parts = part === ".." ? parts.slice(0, -1) : [...parts, part];
  }
  return parts;
}

/**
 * Where an entry lies on disk. Its folders are followed through the layer's own symbolic links, an absolute one from the layer's
 * root; the entry itself is not followed. @throws UnsafePath when a link leads out of the root
 */
export function placeInLayer(root: string, name: string): { folder: string; base: string } {
  const parts = entryParts(name);
  const base = parts.at(-1) ?? "";
  return { folder: join(root, ...followLinks(root, parts.slice(0, -1), name)), base };
}

function followLinks(root: string, parts: readonly string[], name: string): readonly string[] {
  let pending = [...parts];
  let resolved: readonly string[] = [];
  for (let links = 0; pending.length > 0;) {
    const [part = "", ...rest] = pending;
    pending = rest;
    if (part === ".." && resolved.length === 0) throw new UnsafePath(`"${name}" leads out of the image through a symbolic link`);
    if (part === "..") {
      resolved = resolved.slice(0, -1);
      continue;
    }
    const target = linkTarget(join(root, ...resolved, part));
    if (target === undefined) {
      resolved = [...resolved, part];
      continue;
    }
    if (++links > 40) throw new UnsafePath(`"${name}" goes through too many symbolic links`);
    if (target.startsWith("/")) resolved = [];
    pending = [...target.split("/").filter((step) => step !== "" && step !== "."), ...pending];
  }
  return resolved;
}

function linkTarget(path: string): string | undefined {
  const status = lstatSync(path, { throwIfNoEntry: false });
  return status?.isSymbolicLink() === true ? readlinkSync(path) : undefined;
}

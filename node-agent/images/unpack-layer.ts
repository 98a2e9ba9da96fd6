import {
  chmodSync,
  createWriteStream,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import type { Header } from "tar-stream";
import { fileTypes, makeNode, setExtendedAttribute } from "../runtime/syscalls.ts";
import { placeInLayer } from "./layer-path.ts";
import { readTar } from "./read-tar.ts";

const whiteoutPrefix = ".wh.";
const opaqueMarker = ".wh..wh..opq";

/**
 * Writes one layer's tar into an empty folder as overlayfs wants a lower layer: a whiteout becomes a 0:0 character device, an
 * opaque folder carries `trusted.overlay.opaque`. Owners, modes, times, hard links, devices and extended attributes are kept.
 * The system calls on single entries are made in line: this runs in the image service's own process.
 * @returns the bytes of its files. @throws UnsafePath, and what the tar or the disk says
 */
export async function unpackLayer(tar: Readable, root: string): Promise<number> {
  const layer = new LayerWriter(root);
  await readTar(tar, (header, content) => layer.write(header, content));
  layer.finish();
  return layer.size;
}

class LayerWriter {
  size = 0;
  readonly #root: string;
  readonly #whiteouts = new Set<string>();
  /** A folder's time changes with each entry in it, so it is set at the end. */
  readonly #folderTimes = new Map<string, Date>();

  constructor(root: string) {
    this.#root = root;
  }

  async write(header: Header, content: Readable): Promise<void> {
    const { folder, base } = placeInLayer(this.#root, header.name);
    if (base === "") {
      this.#describe(this.#root, header);
      return;
    }
    this.#ensureFolder(folder);
    if (base === opaqueMarker) makeOpaque(folder);
    else if (base.startsWith(`${whiteoutPrefix}${whiteoutPrefix}`)) return;
    else if (base.startsWith(whiteoutPrefix)) this.#whiteOut(join(folder, base.slice(whiteoutPrefix.length)));
    else await this.#place(join(folder, base), header, content);
  }

  finish(): void {
    for (const [path, time] of [...this.#folderTimes].reverse()) {
      if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) lutimesSync(path, time, time);
    }
  }

  /** What the same layer brings itself stays; a folder then hides what lies below it. */
  #whiteOut(path: string): void {
    const existing = lstatSync(path, { throwIfNoEntry: false });
    if (existing?.isDirectory() === true) makeOpaque(path);
    if (existing !== undefined) return;
    makeNode(path, fileTypes.character, 0, 0);
    this.#whiteouts.add(path);
  }

  async #place(path: string, header: Header, content: Readable): Promise<void> {
    const wasWhiteout = this.#whiteouts.delete(path);
    const existing = lstatSync(path, { throwIfNoEntry: false });
    const keeps = header.type === "directory" && existing?.isDirectory() === true;
    if (existing !== undefined && !keeps) rmSync(path, { recursive: true, force: true });
    if (header.type === "link") {
      const target = placeInLayer(this.#root, header.linkname);
      linkSync(join(target.folder, target.base), path);
      return;
    }
    await this.#make(path, header, content);
    this.#describe(path, header);
    if (wasWhiteout && header.type === "directory") makeOpaque(path);
  }

  async #make(path: string, header: Header, content: Readable): Promise<void> {
    const mode = header.mode & 0o7777;
    switch (header.type) {
      case "directory":
        if (!existsSync(path)) mkdirSync(path);
        return;
      case "symlink":
        symlinkSync(header.linkname, path);
        return;
      case "character-device":
      case "block-device": {
        const type = header.type === "character-device" ? fileTypes.character : fileTypes.block;
        makeNode(path, type | mode, header.devmajor, header.devminor);
        return;
      }
      case "fifo":
        makeNode(path, fileTypes.fifo | mode, 0, 0);
        return;
      case "file":
      case "contiguous-file":
        this.size += header.size;
        await writeContent(path, content);
        return;
      default:
        throw new Error(`"${header.name}" is of the type "${header.type}", which a layer cannot hold`);
    }
  }

  /** The owner before the mode: changing the owner clears the set-user-id bit. */
  #describe(path: string, header: Header): void {
    lchownSync(path, header.uid, header.gid);
    for (const [key, value] of Object.entries((header as Header & { pax?: Readonly<Record<string, string>> | null }).pax ?? {})) {
      if (key.startsWith("SCHILY.xattr.")) setAttribute(path, key.slice("SCHILY.xattr.".length), value);
    }
    if (header.type !== "symlink") chmodSync(path, header.mode & 0o7777);
    const time = header.mtime;
    if (header.type === "directory") this.#folderTimes.set(path, time);
    else lutimesSync(path, time, time);
  }

  /** A layer need not list the folders above its files. */
  #ensureFolder(folder: string): void {
    const status = lstatSync(folder, { throwIfNoEntry: false });
    if (status?.isDirectory() === true) return;
    if (status !== undefined) rmSync(folder);
    const wasWhiteout = this.#whiteouts.delete(folder);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    if (wasWhiteout) makeOpaque(folder);
  }
}

async function writeContent(path: string, content: Readable): Promise<void> {
  const file = createWriteStream(path, { flags: "wx", mode: 0o600 });
  await pipeline(content, file, { end: true });
  await finished(file).catch(() => undefined);
}

function makeOpaque(folder: string): void {
  setExtendedAttribute(folder, "trusted.overlay.opaque", Buffer.from("y"));
}

/** Tar keeps the value as text in which bytes above 127 are lost, so such a value cannot be set truly: it is left out. */
function setAttribute(path: string, name: string, value: string): void {
  if (name.startsWith("trusted.overlay.") || value.includes("\ufffd")) return;
  setExtendedAttribute(path, name, Buffer.from(value));
}

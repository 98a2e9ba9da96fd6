import { createWriteStream, renameSync } from "node:fs";
import { chmod, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Random } from "#base/random";
import { KeyedLock } from "../runtime/keyed-lock.ts";
import { readJsonFile, writeJsonFile } from "../runtime/json-file.ts";
import { openDecompressed } from "./decompress.ts";
import { verifyDigest } from "./digest-stream.ts";
import type { ImageConfig } from "./image-service.ts";
import { unpackLayer } from "./unpack-layer.ts";

/** An image that is here whole. `layers` are the digests of the uncompressed layers, lowest first. */
export interface StoredImage {
  readonly id: string;
  readonly references: readonly string[];
  readonly digests: readonly string[];
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

/**
 * Images on disk: a table that is replaced whole, and one read-only folder per layer, shared by all images that have it. Whatever
 * is being made lies in `temporary/` and moves to its place when it is complete; a crash leaves nothing half made to be found.
 */
export class ContentStore {
  readonly #folder: string;
  readonly #random: Random;
  readonly #lock = new KeyedLock();
  #images: readonly StoredImage[] = [];
  #sizes: Readonly<Record<string, number>> = {};
  /** Layers that a pull in progress counts on. */
  readonly #pinned = new Map<string, number>();

  private constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#random = random;
  }

  static async open({ folder, random }: { folder: string; random: Random }): Promise<ContentStore> {
    const store = new ContentStore(folder, random);
    await rm(store.#temporaryFolder, { recursive: true, force: true });
    await Promise.all([store.#temporaryFolder, store.#layersFolder].map((path) => mkdir(path, { recursive: true, mode: 0o711 })));
    const table = await readJsonFile<{ images: readonly StoredImage[]; sizes: Readonly<Record<string, number>> }>(
      store.#tableFile,
    );
    store.#images = table?.images ?? [];
    store.#sizes = table?.sizes ?? {};
    await store.#removeUnusedLayers();
    return store;
  }

  images(): readonly StoredImage[] {
    return this.#images;
  }

  layerFolder(diffId: string): string {
    // Short, because overlayfs takes all layers of an image in one page of options; 128 bits are still beyond collision.
    return join(this.#layersFolder, diffId.slice("sha256:".length, "sha256:".length + 32));
  }

  sizeOf(image: StoredImage): number {
    return image.layers.reduce((sum, diffId) => sum + (this.#sizes[diffId] ?? 0), 0);
  }

  /** A file or folder name for something in the making. The caller removes or moves it. */
  temporaryPath(): string {
    return join(this.#temporaryFolder, this.#random.uuid());
  }

  /**
   * Makes sure of a layer. `fetch` is called only when it is missing; concurrent calls for one layer are one. What it fetches is
   * checked against `blobDigest` (compressed) and `diffId` (uncompressed) before it is kept. It stays until `unpin`, or as long as an
   * image has it.
   */
  async ensureLayer(diffId: string, blob: { digest?: string; size?: number }, fetch: () => Promise<Readable>): Promise<void> {
    this.#pinned.set(diffId, (this.#pinned.get(diffId) ?? 0) + 1);
    await this.#lock.run(diffId, async () => {
      if (this.#sizes[diffId] !== undefined && (await exists(this.layerFolder(diffId)))) return;
      const [file, folder] = [this.temporaryPath(), this.temporaryPath()];
      try {
        const checks = blob.digest === undefined ? [] : [verifyDigest(blob.digest, blob.size)];
        await pipeline([await fetch(), ...checks, createWriteStream(file, { mode: 0o600 })]);
        await mkdir(folder, { mode: 0o755 });
        const size = await unpackVerified(file, folder, diffId);
        await rm(this.layerFolder(diffId), { recursive: true, force: true });
        await rename(folder, this.layerFolder(diffId));
        await this.#save(() => ({ sizes: { ...this.#sizes, [diffId]: size } }));
      } finally {
        await Promise.all([file, folder].map((path) => rm(path, { recursive: true, force: true })));
      }
    });
  }

  unpin(diffId: string): void {
    const left = (this.#pinned.get(diffId) ?? 1) - 1;
    if (left === 0) this.#pinned.delete(diffId);
    else this.#pinned.set(diffId, left);
  }

  /** Enters an image whose layers are all here. Its references are taken from any other image that had them. */
  async put(image: StoredImage): Promise<StoredImage> {
    await this.#save(() => {
      const existing = this.#images.find(({ id }) => id === image.id);
      const merged: StoredImage = {
        ...image,
        references: union(existing?.references ?? [], image.references),
        digests: union(existing?.digests ?? [], image.digests),
      };
      const others = this.#images
        .filter(({ id }) => id !== image.id)
        .map((other) => ({ ...other, references: other.references.filter((name) => !image.references.includes(name)) }));
      return { images: [...others, merged] };
    });
    return this.#images.find(({ id }) => id === image.id) ?? image;
  }

  /** Changes the table, then removes the layers nothing needs any more. */
  async change(change: (images: readonly StoredImage[]) => readonly StoredImage[]): Promise<void> {
    await this.#save(() => ({ images: change(this.#images) }));
    await this.#lock.run("layers", () => this.#removeUnusedLayers());
  }

  async #save(change: () => { images?: readonly StoredImage[]; sizes?: Readonly<Record<string, number>> }): Promise<void> {
    await this.#lock.run("table", async () => {
      const next = { images: this.#images, sizes: this.#sizes, ...change() };
      await writeJsonFile(this.#tableFile, next, { durable: true });
      this.#images = next.images;
      this.#sizes = next.sizes;
    });
  }

  async #removeUnusedLayers(): Promise<void> {
    const found = await readdir(this.#layersFolder);
    const used = this.#usedLayers();
    if (Object.keys(this.#sizes).some((diffId) => !used.has(diffId))) {
      await this.#save(() => ({
        sizes: Object.fromEntries(Object.entries(this.#sizes).filter(([diffId]) => this.#usedLayers().has(diffId))),
      }));
    }
    for (const path of found.map((name) => join(this.#layersFolder, name))) {
      // Nothing may come between this look and the move: a pull that has found the layer counts on it.
      const kept = [...this.#usedLayers()].some((diffId) => this.layerFolder(diffId) === path);
      if (kept) continue;
      const doomed = this.temporaryPath();
      renameSync(path, doomed);
      await rm(doomed, { recursive: true, force: true });
    }
  }

  #usedLayers(): ReadonlySet<string> {
    return new Set([...this.#images.flatMap(({ layers }) => layers), ...this.#pinned.keys()]);
  }

  get #temporaryFolder(): string {
    return join(this.#folder, "temporary");
  }

  get #layersFolder(): string {
    return join(this.#folder, "layers");
  }

  get #tableFile(): string {
    return join(this.#folder, "images.json");
  }
}

/** The digest counts the whole stream, also what comes after the tar's own end. */
async function unpackVerified(file: string, folder: string, diffId: string): Promise<number> {
  const verified = verifyDigest(diffId);
  const source = await openDecompressed(file);
  source.on("error", (error) => verified.destroy(error));
  const size = await unpackLayer(source.pipe(verified), folder);
  await chmod(folder, 0o755);
  return size;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])];
}

import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { openDecompressed } from "./decompress.ts";
import { digestOf } from "./digest-stream.ts";
import type { ImageSource } from "./image-source.ts";
import { entryParts } from "./layer-path.ts";
import type { ConfigFile, Descriptor, ImageIndex, ImageManifest } from "./manifest.ts";
import { isIndex, selectPlatform } from "./manifest.ts";
import { readTar } from "./read-tar.ts";

/** An image of an archive with the names the archive gives it. */
export interface ArchivedImage {
  readonly source: ImageSource;
  readonly names: readonly string[];
}

/**
 * Unpacks an archive's own files (not its layers), unless `path` is a folder already. Links in a docker-archive, by which one
 * layer stands for several, become entries of the answer's map.
 * @throws what the tar or the disk says
 */
export async function openArchive(path: string, scratch: string): Promise<ArchiveFolder> {
  if ((await stat(path)).isDirectory()) return { folder: path, links: new Map() };
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  const links = new Map<string, string>();
  await readTar(await openDecompressed(path), async ({ name, type, linkname }, content) => {
    const inside = entryParts(name).join("/");
    if (type === "file" || type === "contiguous-file") await writeEntry(content, join(scratch, inside));
    else if (type === "symlink") links.set(inside, entryParts(join(dirname(inside), linkname)).join("/"));
    else if (type === "link") links.set(inside, entryParts(linkname).join("/"));
  });
  return { folder: scratch, links };
}

export interface ArchiveFolder {
  readonly folder: string;
  readonly links: ReadonlyMap<string, string>;
}

/** Reads what it is: an OCI layout, or what `docker save` writes. @throws Error saying what is wrong */
export async function readArchive(archive: ArchiveFolder, architecture: string): Promise<readonly ArchivedImage[]> {
  const index = await readJson<ImageIndex>(archive, "index.json");
  const docker = await readJson<readonly DockerManifest[]>(archive, "manifest.json");
  // Newer Docker writes both; only its own file holds the full names.
  if (docker !== undefined) return Promise.all(docker.map((manifest) => readDockerImage(archive, manifest)));
  if (index !== undefined)
    return Promise.all(index.manifests.map((descriptor) => readOciImage(archive, descriptor, architecture)));
  throw new Error("it has neither an index.json (OCI) nor a manifest.json (docker save)");
}

interface DockerManifest {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

async function readDockerImage(archive: ArchiveFolder, manifest: DockerManifest): Promise<ArchivedImage> {
  const bytes = await readRequired(archive, manifest.Config);
  const config = parse<ConfigFile>(bytes, manifest.Config);
  assertLayerCount(config, manifest.Layers.length);
  const layers = manifest.Layers.map((name) => ({ open: () => openFile(archive, name) }));
  return { source: { id: digestOf(bytes), config, layers }, names: manifest.RepoTags ?? [] };
}

async function readOciImage(archive: ArchiveFolder, descriptor: Descriptor, architecture: string): Promise<ArchivedImage> {
  const document = parse<ImageIndex | ImageManifest>(await readBlob(archive, descriptor), descriptor.digest);
  const chosen = isIndex(document) ? selectPlatform(document, architecture) : undefined;
  if (isIndex(document) && chosen === undefined) throw new Error("it has no image for this machine's architecture");
  const manifest =
    chosen === undefined ? (document as ImageManifest) : parse<ImageManifest>(await readBlob(archive, chosen), chosen.digest);
  const config = parse<ConfigFile>(await readBlob(archive, manifest.config), manifest.config.digest);
  assertLayerCount(config, manifest.layers.length);
  const layers = manifest.layers.map(({ digest, size }) => ({ digest, size, open: () => openFile(archive, blobPath(digest)) }));
  const source = { id: manifest.config.digest, config, manifestDigest: descriptor.digest, layers };
  return { source, names: ociNames(descriptor) };
}

/** A full name (containerd, buildkit), else a bare tag, which names nothing by itself. */
function ociNames({ annotations }: Descriptor): readonly string[] {
  const full = annotations?.["io.containerd.image.name"];
  const name = annotations?.["org.opencontainers.image.ref.name"];
  if (full !== undefined) return [full];
  return name !== undefined && /[/:]/.test(name) ? [name] : [];
}

function assertLayerCount(config: ConfigFile, count: number): void {
  const described = config.rootfs.diff_ids.length;
  if (described !== count) throw new Error(`its configuration describes ${described} layers, but it has ${count}`);
}

async function readBlob(archive: ArchiveFolder, { digest }: Descriptor): Promise<Buffer> {
  const bytes = await readRequired(archive, blobPath(digest));
  if (digestOf(bytes) !== digest) throw new Error(`${blobPath(digest)} has the digest ${digestOf(bytes)}`);
  return bytes;
}

function blobPath(digest: string): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  if (algorithm !== "sha256" || !/^[0-9a-f]{64}$/.test(hex)) throw new Error(`"${digest}" is not a sha256 digest`);
  return `blobs/sha256/${hex}`;
}

function fileOf({ folder, links }: ArchiveFolder, name: string): string {
  const inside = entryParts(name).join("/");
  return join(folder, links.get(inside) ?? inside);
}

async function openFile(archive: ArchiveFolder, name: string): Promise<Readable> {
  const file = fileOf(archive, name);
  await stat(file).catch(() => {
    throw new Error(`it has no ${name}`);
  });
  return createReadStream(file);
}

async function readRequired(archive: ArchiveFolder, name: string): Promise<Buffer> {
  try {
    return await readFile(fileOf(archive, name));
  } catch (error) {
    throw new Error(`it has no ${name}`, { cause: error });
  }
}

async function readJson<T>(archive: ArchiveFolder, name: string): Promise<T | undefined> {
  const bytes = await readFile(fileOf(archive, name)).catch(() => undefined);
  return bytes === undefined ? undefined : parse<T>(bytes, name);
}

function parse<T>(bytes: Buffer, name: string): T {
  try {
    return JSON.parse(bytes.toString()) as T;
  } catch (error) {
    throw new Error(`${name} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

async function writeEntry(content: Readable, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await pipeline(content, createWriteStream(path, { mode: 0o600 }));
}

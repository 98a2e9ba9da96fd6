import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { digestOf } from "./digest-stream.ts";
import type { ConfigFile } from "./manifest.ts";

/** One file of a layer to be written. */
export interface LayerEntry {
  readonly name: string;
  readonly type?: "file" | "directory" | "symlink" | "link";
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly linkname?: string;
  readonly content?: Uint8Array | string;
}

/** All times are the epoch, so that the same entries always have the same digest. */
export async function layerTar(entries: readonly LayerEntry[]): Promise<Buffer> {
  const tar = pack();
  const chunks: Buffer[] = [];
  const collected = (async () => {
    for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  })();
  for (const { content, ...entry } of entries) {
    const mode = entry.mode ?? (entry.type === "directory" ? 0o755 : 0o644);
    const bytes = Buffer.from(content ?? "");
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => (error ? reject(error) : resolve());
      const header = { uid: 0, gid: 0, ...entry, type: entry.type ?? "file", mode, mtime: new Date(0) };
      if (header.type === "file") tar.entry({ ...header, size: bytes.length }, bytes, done);
      else tar.entry(header, done);
    });
  }
  tar.finalize();
  await collected;
  return Buffer.concat(chunks);
}

/**
 * Writes an image as an OCI layout folder. @param layers uncompressed tars, lowest first
 * @returns the digest of its manifest
 */
export async function writeOciLayout(options: {
  readonly folder: string;
  readonly reference: string;
  readonly layers: readonly Uint8Array[];
  readonly config: NonNullable<ConfigFile["config"]>;
  /** The registries' name, e.g. `amd64`. */
  readonly architecture: string;
}): Promise<string> {
  const blobs = join(options.folder, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const put = async (bytes: Uint8Array, mediaType: string) => {
    const digest = digestOf(bytes);
    await writeFile(join(blobs, digest.slice("sha256:".length)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const layers = await Promise.all(
    options.layers.map((layer) => put(gzipSync(layer), "application/vnd.oci.image.layer.v1.tar+gzip")),
  );
  const config = await put(json(configFile(options)), "application/vnd.oci.image.config.v1+json");
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await put(json({ schemaVersion: 2, mediaType, config, layers }), mediaType);
  const names = { "io.containerd.image.name": options.reference, "org.opencontainers.image.ref.name": tagOf(options.reference) };
  await writeFile(
    join(options.folder, "index.json"),
    json({ schemaVersion: 2, manifests: [{ ...manifest, annotations: names }] }),
  );
  await writeFile(join(options.folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  return manifest.digest;
}

function configFile({ architecture, config, layers }: Parameters<typeof writeOciLayout>[0]): object {
  return { architecture, os: "linux", config, rootfs: { type: "layers", diff_ids: layers.map(digestOf) } };
}

function tagOf(reference: string): string {
  const colon = reference.lastIndexOf(":");
  return colon > reference.lastIndexOf("/") ? reference.slice(colon + 1) : "latest";
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

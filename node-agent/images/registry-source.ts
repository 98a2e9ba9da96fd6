import { DigestMismatch, digestOf } from "./digest-stream.ts";
import type { ImageSource } from "./image-source.ts";
import type { ConfigFile, Descriptor, ImageIndex, ImageManifest } from "./manifest.ts";
import { acceptedManifests, isIndex, selectPlatform } from "./manifest.ts";
import type { ImageReference } from "./reference.ts";
import type { RegistryClient } from "./registry-client.ts";
import { RegistryResponseError } from "./registry-client.ts";

/** Finds the image for this machine. The digest a tag stands for is that of the index, as every client reports it. */
export async function resolveFromRegistry(
  client: RegistryClient,
  reference: ImageReference,
  architecture: string,
): Promise<ImageSource> {
  const top = await fetchManifest(client, reference.digest ?? reference.tag ?? "latest", reference.digest);
  const document = JSON.parse(top.toString()) as ImageIndex | ImageManifest;
  const manifest = isIndex(document) ? await fromIndex(client, document, architecture) : document;
  if (!isManifest(manifest)) throw new RegistryResponseError(422, "the registry's answer is not an image manifest");
  const config = await fetchConfig(client, manifest.config);
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new RegistryResponseError(422, "the manifest and the configuration disagree about the number of layers");
  }
  return {
    id: manifest.config.digest,
    config,
    manifestDigest: digestOf(top),
    layers: manifest.layers.map(({ digest, size }) => ({ digest, size, open: () => client.blob(digest) })),
  };
}

async function fromIndex(client: RegistryClient, index: ImageIndex, architecture: string): Promise<ImageManifest> {
  const chosen = selectPlatform(index, architecture);
  if (chosen === undefined) throw new RegistryResponseError(404, "no match for platform in manifest: not found");
  return JSON.parse((await fetchManifest(client, chosen.digest, chosen.digest)).toString()) as ImageManifest;
}

async function fetchManifest(client: RegistryClient, reference: string, digest: string | undefined): Promise<Buffer> {
  const { bytes } = await client.manifest(reference, acceptedManifests);
  if (digest !== undefined && digestOf(bytes) !== digest) {
    throw new DigestMismatch(`the manifest ${digest} has the digest ${digestOf(bytes)}`);
  }
  return bytes;
}

async function fetchConfig(client: RegistryClient, { digest, size }: Descriptor): Promise<ConfigFile> {
  if (size > 8 * 1024 * 1024) throw new RegistryResponseError(422, `a configuration of ${size} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of (await client.blob(digest)) as AsyncIterable<Uint8Array>) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  if (digestOf(bytes) !== digest) throw new DigestMismatch(`the configuration ${digest} has the digest ${digestOf(bytes)}`);
  return JSON.parse(bytes.toString()) as ConfigFile;
}

function isManifest(document: Partial<ImageManifest>): document is ImageManifest {
  return typeof document.config?.digest === "string" && Array.isArray(document.layers);
}

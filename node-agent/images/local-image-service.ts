import { arch } from "node:process";
import { stat, rm } from "node:fs/promises";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import { openArchive, readArchive } from "./archive.ts";
import type { ArchivedImage } from "./archive.ts";
import type { StoredImage } from "./content-store.ts";
import { ContentStore } from "./content-store.ts";
import { DigestMismatch, digestOf } from "./digest-stream.ts";
import type { ImageService, ImageStatus, RegistryAuth } from "./image-service.ts";
import { ImageError } from "./image-service.ts";
import type { ImageSource } from "./image-source.ts";
import { imageConfig } from "./manifest.ts";
import type { ImageReference } from "./reference.ts";
import { digestReference, formatReference, isDigest, parseReference } from "./reference.ts";
import { RegistryClient, RegistryResponseError } from "./registry-client.ts";
import type { Mirrors } from "./registry-endpoints.ts";
import { credentialsFor, endpointsOf } from "./registry-endpoints.ts";
import { resolveFromRegistry } from "./registry-source.ts";
import { SharedTasks } from "./shared-tasks.ts";

const layersAtOnce = 3;

export interface LocalImageServiceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Of this service alone. */
  readonly stateDirectory: string;
  readonly mirrors: Mirrors;
}

/** The image service that does the work: one a machine, on a content store of its own. */
export class LocalImageService implements ImageService {
  readonly #options: LocalImageServiceOptions;
  readonly #store: ContentStore;
  readonly #pulls = new SharedTasks<ImageStatus>();

  private constructor(options: LocalImageServiceOptions, store: ContentStore) {
    this.#options = options;
    this.#store = store;
  }

  static async open(options: LocalImageServiceOptions): Promise<LocalImageService> {
    return new LocalImageService(options, await ContentStore.open({ folder: options.stateDirectory, random: options.random }));
  }

  async status(reference: string): Promise<ImageStatus | undefined> {
    const image = this.#find(reference);
    return image === undefined ? undefined : this.#describe(image);
  }

  async list(): Promise<readonly ImageStatus[]> {
    return this.#store.images().map((image) => this.#describe(image));
  }

  async pull(reference: string, options: { auths: readonly RegistryAuth[]; signal: AbortSignal }): Promise<ImageStatus> {
    const parsed = parseReference(reference);
    // Credentials are part of the key: nobody gets an image on another's.
    const key = digestOf(Buffer.from(JSON.stringify([formatReference(parsed), options.auths])));
    return this.#pulls.run(key, options.signal, (signal) => this.#pull(parsed, options.auths, signal));
  }

  async load(path: string, options: { reference?: string; signal: AbortSignal }): Promise<readonly ImageStatus[]> {
    const scratch = this.#store.temporaryPath();
    try {
      await assertReadable(path);
      const images = await readArchive(await openArchive(path, scratch), arch);
      if (options.reference !== undefined && images.length !== 1) {
        throw new Error(`it holds ${images.length} images, so one name cannot be given to it`);
      }
      const loaded: ImageStatus[] = [];
      for (const image of images) loaded.push(await this.#loadOne(image, options));
      return loaded;
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof ImageError) throw error;
      throw (
        noSpace(error, path) ??
        new ImageError("DamagedArchive", `cannot load ${path}: ${(error as Error).message}`, { cause: error })
      );
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  /** By name: takes the name away, and with its last name the image. By id: removes it under all its names. */
  async remove(reference: string): Promise<void> {
    const image = this.#find(reference);
    if (image === undefined) return;
    const name = isDigest(reference) ? undefined : formatReference(parseReference(reference));
    const left = name === undefined ? [] : image.references.filter((other) => other !== name);
    const digests = name === undefined ? [] : image.digests.filter((other) => other !== name);
    const gone = left.length === 0 && (digests.length === 0 || image.references.length > 0);
    await this.#store.change((images) =>
      images.flatMap((other) => (other.id !== image.id ? [other] : gone ? [] : [{ ...other, references: left, digests }])),
    );
  }

  #find(reference: string): StoredImage | undefined {
    const images = this.#store.images();
    if (isDigest(reference)) return images.find(({ id }) => id === reference);
    const parsed = parseReference(reference);
    if (parsed.digest !== undefined) {
      const name = digestReference(parsed, parsed.digest);
      return images.find(({ digests }) => digests.includes(name));
    }
    const name = formatReference(parsed);
    return images.find(({ references }) => references.includes(name));
  }

  /** The mirrors one after the other, then the registry; what the last one said is what the user reads. */
  async #pull(reference: ImageReference, auths: readonly RegistryAuth[], signal: AbortSignal): Promise<ImageStatus> {
    const name = formatReference(reference);
    const endpoints = endpointsOf(reference.domain, this.#options.mirrors);
    for (const [index, endpoint] of endpoints.entries()) {
      const auth = credentialsFor(endpoint.host, auths);
      const { clock } = this.#options;
      const client = new RegistryClient({
        clock,
        endpoint,
        repository: reference.repository,
        signal,
        ...(auth !== undefined && { auth }),
      });
      try {
        return await this.#pullFrom(client, reference, signal);
      } catch (error) {
        signal.throwIfAborted();
        const full = noSpace(error, name);
        if (full !== undefined) throw full;
        if (index === endpoints.length - 1) throw pullError(name, error);
        this.#options.log.info("a mirror did not have it", { image: name, mirror: endpoint.origin, error });
      }
    }
    throw new ImageError("ErrImagePull", `no registry is known for "${name}"`);
  }

  async #pullFrom(client: RegistryClient, reference: ImageReference, signal: AbortSignal): Promise<ImageStatus> {
    const source = await resolveFromRegistry(client, reference, arch).catch((error: unknown) => {
      throw new ResolveError(error);
    });
    const { tag } = reference;
    const named = tag === undefined ? [] : [formatReference({ domain: reference.domain, repository: reference.repository, tag })];
    const digests = source.manifestDigest === undefined ? [] : [digestReference(reference, source.manifestDigest)];
    return this.#keep(source, named, digests, signal);
  }

  async #loadOne({ source, names }: ArchivedImage, options: { reference?: string; signal: AbortSignal }): Promise<ImageStatus> {
    const parsed = (options.reference === undefined ? names : [options.reference]).map(parseReference);
    const digests = parsed.flatMap((name) =>
      source.manifestDigest === undefined ? [] : [digestReference(name, source.manifestDigest)],
    );
    return this.#keep(source, parsed.map(formatReference), digests, options.signal);
  }

  async #keep(
    source: ImageSource,
    references: readonly string[],
    digests: readonly string[],
    signal: AbortSignal,
  ): Promise<ImageStatus> {
    const diffIds = source.config.rootfs.diff_ids;
    const started: string[] = [];
    const pending = diffIds.map((diffId, index) => ({ diffId, layer: source.layers[index] }));
    const work = async () => {
      for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
        const { diffId, layer } = next;
        signal.throwIfAborted();
        started.push(diffId);
        if (layer !== undefined) await this.#store.ensureLayer(diffId, layer, () => layer.open());
      }
    };
    try {
      await allSettledThenThrow(Array.from({ length: layersAtOnce }, work));
      const image = { id: source.id, references, digests, layers: diffIds, config: imageConfig(source.config) };
      return this.#describe(await this.#store.put(image));
    } catch (error) {
      for (const diffId of started.splice(0)) this.#store.unpin(diffId);
      // Layers of an image that is not here whole wait for its next pull, unless others need their room.
      if (noSpace(error, source.id) !== undefined) await this.#store.change((images) => images);
      throw error;
    } finally {
      for (const diffId of started) this.#store.unpin(diffId);
    }
  }

  #describe(image: StoredImage): ImageStatus {
    return {
      id: image.id,
      references: image.references,
      digests: image.digests,
      sizeBytes: this.#store.sizeOf(image),
      layers: image.layers.map((diffId) => this.#store.layerFolder(diffId)).toReversed(),
      config: image.config,
    };
  }
}

/** Nothing may still be writing when the caller cleans up. */
async function allSettledThenThrow(tasks: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(tasks)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

class ResolveError extends Error {
  override readonly name = "ResolveError";

  constructor(cause: unknown) {
    super((cause as Error).message, { cause });
  }
}

/** Worded as containerd does, because people search for these words. */
function pullError(name: string, error: unknown): ImageError {
  const [cause, resolving] = error instanceof ResolveError ? [error.cause, true] : [error, false];
  const reason = cause instanceof ImageError ? cause.reason : "ErrImagePull";
  const detail = resolving ? `failed to resolve reference "${name}": ${resolveDetail(name, cause)}` : copyDetail(cause);
  return new ImageError(reason, `failed to pull and unpack image "${name}": ${detail}`, { cause });
}

function resolveDetail(name: string, cause: unknown): string {
  if (!(cause instanceof RegistryResponseError)) return (cause as Error).message;
  if (cause.status === 404 && cause.message.includes("no match for platform")) return cause.message;
  if (cause.status === 404) return `${name}: not found`;
  if (cause.status === 401 || cause.status === 403) {
    return `pull access denied, repository does not exist or may require authorization: ${cause.message}`;
  }
  return cause.message;
}

function copyDetail(cause: unknown): string {
  const { message } = cause as Error;
  return cause instanceof DigestMismatch
    ? `failed commit on ref: unexpected commit digest: ${message}`
    : `failed to copy: ${message}`;
}

function noSpace(error: unknown, what: string): ImageError | undefined {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOSPC" || code === "EDQUOT") {
      return new ImageError("NoSpace", `no space left on device while unpacking "${what}"`, { cause: error });
    }
  }
  return undefined;
}

async function assertReadable(path: string): Promise<void> {
  await stat(path).catch((error: unknown) => {
    throw new Error((error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (error as Error).message, {
      cause: error,
    });
  });
}

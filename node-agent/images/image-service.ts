/**
 * Brings images onto this machine and keeps them: one service a machine, in the root network namespace (a node's namespace has
 * no way out), one content store for all its nodes. The agents speak to it over a unix socket; `skiff image load` does too.
 */
export interface ImageService {
  /** @returns the image under that reference or id, or undefined. Never goes to a registry. */
  status(reference: string): Promise<ImageStatus | undefined>;
  /** Pulls what the reference names now. Concurrent pulls of the same thing are one. @throws ImageError */
  pull(reference: string, options: { auths: readonly RegistryAuth[]; signal: AbortSignal }): Promise<ImageStatus>;
  list(): Promise<readonly ImageStatus[]>;
  /** Reads a docker-archive, an oci-archive or an OCI layout folder on this machine. @returns the references it brought. @throws ImageError */
  load(path: string, options: { reference?: string; signal: AbortSignal }): Promise<readonly ImageStatus[]>;
  remove(reference: string): Promise<void>;
}

export interface ImageStatus {
  /** Digest of the image's configuration, `sha256:…`. */
  readonly id: string;
  /** Fully qualified, e.g. `docker.io/library/nginx:1.27`. */
  readonly references: readonly string[];
  /** Fully qualified with the manifest's digest, e.g. `docker.io/library/nginx@sha256:…`. */
  readonly digests: readonly string[];
  /** Of the unpacked layers. */
  readonly sizeBytes: number;
  /** Unpacked layer folders as overlayfs wants them, uppermost first: read-only, shared by all containers. */
  readonly layers: readonly string[];
  readonly config: ImageConfig;
}

/** The `config` of an OCI image that matters to a container. */
export interface ImageConfig {
  readonly user?: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly workingDir?: string;
  readonly stopSignal?: string;
  readonly volumes: readonly string[];
}

/** Credentials of a pull secret for one registry host. Never logged. */
export interface RegistryAuth {
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/** `reason` is what kubectl shows of the waiting container. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly reason:
    "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull" | "RegistryUnavailable" | "DamagedArchive" | "NoSpace";

  constructor(reason: ImageError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

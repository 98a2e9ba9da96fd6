import type { ImageConfig } from "./image-service.ts";

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly mediaType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface ImageIndex {
  readonly mediaType?: string;
  readonly manifests: readonly Descriptor[];
}

/** The parts of an OCI (or Docker) image configuration in use. */
export interface ConfigFile {
  readonly config?: {
    readonly User?: string;
    readonly Env?: readonly string[] | null;
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly WorkingDir?: string;
    readonly StopSignal?: string;
    readonly Volumes?: Readonly<Record<string, object>> | null;
  } | null;
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
}

/** Without them a registry answers 404 for an image it holds in one of these forms. */
export const acceptedManifests = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

export function isIndex(document: ImageIndex | ImageManifest): document is ImageIndex {
  return "manifests" in document;
}

/** @returns undefined when the index has no image for this machine */
export function selectPlatform(index: ImageIndex, architecture: string): Descriptor | undefined {
  const wanted = ociArchitectures[architecture] ?? architecture;
  const images = index.manifests.filter(({ mediaType }) => acceptedManifests.includes(mediaType));
  const matching = images.find(({ platform }) => platform?.os === "linux" && platform.architecture === wanted);
  const only = images.length === 1 && images[0]?.platform === undefined ? images[0] : undefined;
  return matching ?? only;
}

export function imageConfig({ config }: ConfigFile): ImageConfig {
  return {
    ...(config?.User && { user: config.User }),
    env: config?.Env ?? [],
    entrypoint: config?.Entrypoint ?? [],
    command: config?.Cmd ?? [],
    ...(config?.WorkingDir && { workingDir: config.WorkingDir }),
    ...(config?.StopSignal && { stopSignal: config.StopSignal }),
    volumes: Object.keys(config?.Volumes ?? {}),
  };
}

/** Node's names to the registries'. */
const ociArchitectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" };

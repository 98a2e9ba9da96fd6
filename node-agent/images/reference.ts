import { ImageError } from "./image-service.ts";

/** An image's name, in full: what a user leaves out is filled in as Docker and containerd do. */
export interface ImageReference {
  /** As the user means it, e.g. `docker.io`; `registryHost` is where it answers. */
  readonly domain: string;
  readonly repository: string;
  /** Absent when only a digest was given. */
  readonly tag?: string;
  readonly digest?: string;
}

/** @throws ImageError InvalidImageName */
export function parseReference(text: string): ImageReference {
  const [named = "", digest, ...more] = text.split("@");
  if (more.length > 0 || (digest !== undefined && !digestPattern.test(digest))) throw invalid(text);
  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/");
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  const { domain, path } = splitDomain(name);
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid(text);
  if (!path.split("/").every((part) => componentPattern.test(part)) || !domainPattern.test(domain)) throw invalid(text);
  if (domain.length + path.length > 255) throw invalid(text);
  const effectiveTag = tag ?? (digest === undefined ? "latest" : undefined);
  return {
    domain,
    repository: path,
    ...(effectiveTag !== undefined && { tag: effectiveTag }),
    ...(digest !== undefined && { digest }),
  };
}

/** E.g. `docker.io/library/nginx:1.27`, `docker.io/library/nginx@sha256:…`. */
export function formatReference({ domain, repository, tag, digest }: ImageReference): string {
  return `${domain}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** The name by digest alone, as in `status.containerStatuses[].imageID`. */
export function digestReference({ domain, repository }: ImageReference, digest: string): string {
  return `${domain}/${repository}@${digest}`;
}

export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

const digestPattern = /^sha256:[0-9a-f]{64}$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const componentPattern = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const domainPattern =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d+)?$/;

/** The first part is a host only if it looks like one: with a dot or a port, `localhost`, or with capitals. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = first.includes(".") || first.includes(":") || first === "localhost" || first !== first.toLowerCase();
  if (slash === -1 || !isHost) return { domain: "docker.io", path: name.includes("/") ? name : `library/${name}` };
  const rest = name.slice(slash + 1);
  if (first !== "docker.io" && first !== "index.docker.io") return { domain: first, path: rest };
  return { domain: "docker.io", path: rest.includes("/") ? rest : `library/${rest}` };
}

/** Upstream's words (kubelet's applyDefaultImageTag). */
function invalid(text: string): ImageError {
  return new ImageError("InvalidImageName", `couldn't parse image name "${text}": invalid reference format`);
}

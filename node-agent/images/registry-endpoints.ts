import type { RegistryAuth } from "./image-service.ts";

/** Where to ask for an image of one domain. */
export interface Endpoint {
  /** `https://host[:port]` or `http://…`, without a path. */
  readonly origin: string;
  /** Whose credentials belong there: a mirror never gets those of the registry it stands in for. */
  readonly host: string;
}

/** Per domain, in the order to try, e.g. `{ "docker.io": ["http://127.0.0.1:5000"] }`. */
export type Mirrors = Readonly<Record<string, readonly string[]>>;

/** Mirrors in their order, then the registry itself. Without encryption only where the mirror says so, or on this machine. */
export function endpointsOf(domain: string, mirrors: Mirrors): readonly Endpoint[] {
  const configured = (mirrors[domain] ?? []).map((url) => {
    const { origin, host } = new URL(url.includes("://") ? url : `https://${url}`);
    return { origin, host };
  });
  const host = domain === "docker.io" ? "registry-1.docker.io" : domain;
  const own = { origin: `${isLoopback(domain) ? "http" : "https"}://${host}`, host: domain };
  return [...configured.filter(({ origin }) => origin !== own.origin), own];
}

function isLoopback(domain: string): boolean {
  const host = domain.startsWith("[") ? domain.slice(0, domain.indexOf("]") + 1) : (domain.split(":")[0] ?? "");
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Pull secrets name a registry in many ways: `https://index.docker.io/v1/`, `docker.io`, `registry.example:5000`. */
export function credentialsFor(host: string, auths: readonly RegistryAuth[]): RegistryAuth | undefined {
  return auths.find(({ registry }) => normalizeHost(registry) === normalizeHost(host));
}

function normalizeHost(registry: string): string {
  const host = registry.replace(/^https?:\/\//, "").split("/")[0] ?? "";
  return ["index.docker.io", "registry-1.docker.io", "docker.io"].includes(host) ? "docker.io" : host;
}

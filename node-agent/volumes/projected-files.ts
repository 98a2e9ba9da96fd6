import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  PodSpec,
  ServiceAccountTokenProjection,
  Volume,
  VolumeProjection,
} from "#api/generated/types";
import { configMapData, type ConfigSource, secretData } from "../config-source.ts";
import { fieldValue, type PodFacts, resourceValue } from "../downward-api.ts";
import { initContainersOf, specOf, type StoredPod } from "../pod-spec.ts";
import type { ProjectedFile } from "./atomic-writer.ts";
import type { TokenSource } from "./token-source.ts";

/** Why a volume cannot be set up yet. The message ends up in a FailedMount event. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

const defaultMode = 0o644;
const defaultTokenSeconds = 3600;

/** What files are made of that are not in the pod itself. */
export interface VolumeSources {
  readonly config: ConfigSource;
  readonly tokens: TokenSource;
}

/** The files of a configMap, secret, downwardAPI or projected volume. @throws VolumeError */
export async function projectedFiles(
  volume: Volume,
  facts: PodFacts,
  sources: VolumeSources,
): Promise<ReadonlyMap<string, ProjectedFile>> {
  const { config: source } = sources;
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) {
    return ofConfigMap({ ...configMap, name: configMap.name ?? "" }, configMap.defaultMode ?? defaultMode, facts, source);
  }
  if (secret !== undefined) {
    return ofSecret({ ...secret, name: secret.secretName ?? "" }, secret.defaultMode ?? defaultMode, facts, source);
  }
  if (downwardAPI !== undefined) return ofPod(downwardAPI.items ?? [], downwardAPI.defaultMode ?? defaultMode, facts);
  const parts = (projected?.sources ?? []).map((part) =>
    ofProjection(part, projected?.defaultMode ?? defaultMode, facts, sources),
  );
  // All at once: each may be a question to the API server. Of two for the same path the later wins.
  return new Map((await Promise.all(parts)).flatMap((files) => [...files]));
}

async function ofProjection(
  { configMap, secret, downwardAPI, serviceAccountToken }: VolumeProjection,
  mode: number,
  facts: PodFacts,
  { config, tokens }: VolumeSources,
): Promise<Files> {
  if (configMap !== undefined) return ofConfigMap({ ...configMap, name: configMap.name ?? "" }, mode, facts, config);
  if (secret !== undefined) return ofSecret({ ...secret, name: secret.name ?? "" }, mode, facts, config);
  if (downwardAPI !== undefined) return ofPod(downwardAPI.items ?? [], mode, facts);
  return serviceAccountToken === undefined ? new Map() : ofAccount(serviceAccountToken, mode, facts.pod, tokens);
}

/** A token is nobody's business but that of the user the containers run as, where that is one and the same, and of the pod's group. */
async function ofAccount(
  { path, audience, expirationSeconds = defaultTokenSeconds }: ServiceAccountTokenProjection,
  mode: number,
  pod: StoredPod,
  tokens: TokenSource,
): Promise<Files> {
  const wish = { ...(audience !== undefined && audience !== "" && { audience }), expirationSeconds };
  const content = Buffer.from(await tokens.token(pod, wish));
  const user = commonUser(specOf(pod));
  const isOwned = user !== undefined || specOf(pod).securityContext?.fsGroup !== undefined;
  return new Map([[inside(path), { content, mode: isOwned ? 0o600 : mode, ...(user !== undefined && { user }) }]]);
}

function commonUser(spec: PodSpec): number | undefined {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const users = new Set(containers.map(({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser));
  return users.size === 1 ? [...users][0] : undefined;
}

interface Reference {
  readonly name: string;
  readonly items?: readonly KeyToPath[];
  readonly optional?: boolean;
}

type Files = ReadonlyMap<string, ProjectedFile>;

async function ofConfigMap(reference: Reference, mode: number, { pod }: PodFacts, source: ConfigSource): Promise<Files> {
  const found = await source.configMap(pod.metadata.namespace ?? "", reference.name);
  if (found === undefined && reference.optional !== true) throw new VolumeError(`configmap "${reference.name}" not found`);
  return select(found === undefined ? new Map() : configMapData(found), reference, mode, "configmap");
}

async function ofSecret(reference: Reference, mode: number, { pod }: PodFacts, source: ConfigSource): Promise<Files> {
  const found = await source.secret(pod.metadata.namespace ?? "", reference.name);
  if (found === undefined && reference.optional !== true) throw new VolumeError(`secret "${reference.name}" not found`);
  return select(found === undefined ? new Map() : secretData(found), reference, mode, "secret");
}

function select(data: ReadonlyMap<string, Buffer>, { items, optional }: Reference, mode: number, kind: string): Files {
  if (items === undefined) return new Map([...data].map(([key, content]) => [key, { content, mode }]));
  const files = new Map<string, ProjectedFile>();
  for (const item of items) {
    const content = data.get(item.key);
    if (content !== undefined) files.set(inside(item.path), { content, mode: item.mode ?? mode });
    else if (optional !== true) throw new VolumeError(`${kind} references non-existent config key: ${item.key}`);
  }
  return files;
}

function ofPod(items: readonly DownwardAPIVolumeFile[], mode: number, facts: PodFacts): Files {
  return new Map(
    items.map((item) => {
      const { path, fieldRef, resourceFieldRef } = item;
      const content = Buffer.from(
        fieldRef !== undefined
          ? fieldValue(facts, fieldRef.fieldPath)
          : resourceFieldRef !== undefined
            ? resourceValue(facts, containerNamed(facts, resourceFieldRef.containerName ?? ""), resourceFieldRef)
            : "",
      );
      return [inside(path), { content, mode: item.mode ?? mode }];
    }),
  );
}

function containerNamed({ pod }: PodFacts, name: string) {
  const found = [...specOf(pod).containers, ...initContainersOf(pod)].find((container) => container.name === name);
  if (found === undefined) throw new VolumeError(`container "${name}" not found in pod`);
  return found;
}

function inside(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (path.startsWith("/") || parts.length === 0 || parts[0]?.startsWith("..") === true || parts.includes("..")) {
    throw new VolumeError(`invalid path "${path}": it must stay below the volume`);
  }
  return parts.join("/");
}

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { KubeObject } from "#api/object";
import { readYaml, splitYaml, YamlError } from "#api/yaml/read-yaml";
import type { ServedResource } from "#client/discovery-client";
import type { ResourceMapper } from "../arguments/resource-mapper.ts";
import type { CommandContext } from "../command.ts";
import { CliError } from "../failures.ts";
import type { Session } from "../session.ts";
import { fetchManifest } from "./fetch-manifest.ts";
import { matchesSelector } from "./matches-selector.ts";

/** One object of a file, as it is written there. */
export interface Manifest {
  readonly object: KubeObject & Readonly<Record<string, unknown>>;
  /** The file, URL, or STDIN. */
  readonly source: string;
}

export interface ReadManifests {
  /** In the order of the files and of their documents. */
  readonly manifests: readonly Manifest[];
  /** What could not be read. The rest of such a file is left out, the other files are read all the same. */
  readonly errors: readonly unknown[];
}

/** Everything that -f names. @throws CliError when a path does not exist */
export async function readManifests({
  flags,
  streams,
  signal,
}: Pick<CommandContext, "flags" | "streams" | "signal">): Promise<ReadManifests> {
  if (flags.changed("kustomize"))
    throw new CliError("-k is not supported: build the kustomization first and give the result to -f -");
  const manifests: Manifest[] = [];
  const errors: unknown[] = [];
  for (const { source, read } of sourcesOf(flags.strings("filename"), flags.bool("recursive"))) {
    try {
      const text =
        read === "input" ? await streams.input() : read === "url" ? await fetchManifest(source, signal) : fileText(source);
      const found = objectsIn(text, source);
      manifests.push(...found.manifests);
      errors.push(...found.errors);
    } catch (error) {
      errors.push(error);
    }
  }
  return { manifests, errors };
}

/** Where an object of a file goes. @throws CliError when the server has no such kind, or the command line says another namespace */
export function placeOf(
  { object, source }: Manifest,
  mapper: ResourceMapper,
  session: Pick<Session, "namespace" | "namespaceIsGiven">,
): { resource: ServedResource; namespace: string } {
  const { apiVersion = "", kind = "", metadata } = object;
  const resource = mapper.byKind(apiVersion, kind);
  if (resource === undefined) {
    const { name = "", namespace = "" } = metadata;
    throw new CliError(
      `resource mapping not found for name: ${JSON.stringify(name)} namespace: ${JSON.stringify(namespace)} from ${JSON.stringify(source)}: no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}\nensure CRDs are installed first`,
    );
  }
  const given = metadata.namespace ?? "";
  if (resource.namespaced && given !== "" && session.namespaceIsGiven && given !== session.namespace) {
    throw new CliError(
      `the namespace from the provided object "${given}" does not match the namespace "${session.namespace}". You must pass '--namespace=${given}' to perform this operation.`,
    );
  }
  return { resource, namespace: given === "" ? session.namespace : given };
}

/** The objects of the command's files that its selector picks, and what was wrong with the others. @throws CliError when there are neither. */
export async function selectedManifests(
  context: CommandContext,
  command: string,
): Promise<{ readonly selected: readonly Manifest[]; readonly errors: unknown[] }> {
  const { manifests, errors } = await readManifests(context);
  const selector = context.flags.string("selector");
  const selected = manifests.filter(({ object }) => selector === "" || matchesSelector(object, selector));
  if (selected.length === 0 && errors.length === 0) throw new CliError(`no objects passed to ${command}`);
  return { selected, errors: [...errors] };
}

/** The objects of a text, up to the first document that is none. Lists are taken apart. */
export function objectsIn(text: string, source: string): ReadManifests {
  const manifests: Manifest[] = [];
  try {
    for (const document of splitYaml(text)) {
      const value = readYaml(document.text, document.line);
      if (value !== null) manifests.push(...objectsOf(value, source));
    }
    return { manifests, errors: [] };
  } catch (error) {
    const problem =
      error instanceof YamlError
        ? new CliError(`error parsing ${source}: line ${error.line}, column ${error.column}: ${error.reason}`, { cause: error })
        : error;
    return { manifests, errors: [problem] };
  }
}

function objectsOf(value: unknown, source: string): Manifest[] {
  const fail = (why: string): CliError => new CliError(`unable to decode ${JSON.stringify(source)}: ${why}`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw fail("a document of it is not an object: it has no apiVersion and kind");
  }
  const { apiVersion, kind, metadata, items } = value as Readonly<Record<string, unknown>>;
  if (typeof kind !== "string" || kind === "")
    throw new CliError(
      `error validating ${JSON.stringify(source)}: error validating data: kind not set; if you choose to ignore these errors, turn validation off with --validate=false`,
    );
  if (typeof apiVersion !== "string" || apiVersion === "") {
    throw new CliError(
      `error validating ${JSON.stringify(source)}: error validating data: apiVersion not set; if you choose to ignore these errors, turn validation off with --validate=false`,
    );
  }
  if (kind.endsWith("List") && Array.isArray(items)) return items.flatMap((item) => objectsOf(item, source));
  if (metadata !== undefined && (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))) {
    throw fail(`metadata of ${kind} is not an object`);
  }
  return [{ object: { ...value, metadata: metadata ?? {} }, source }];
}

interface Source {
  readonly source: string;
  readonly read: "input" | "url" | "file";
}

function sourcesOf(names: readonly string[], recursive: boolean): Source[] {
  return names.flatMap((name): Source[] => {
    if (name === "-") return [{ source: "STDIN", read: "input" }];
    if (/^https?:\/\//.test(name)) return [{ source: name, read: "url" }];
    const found = statSync(name, { throwIfNoEntry: false });
    if (found === undefined) throw new CliError(`the path ${JSON.stringify(name)} does not exist`);
    if (!found.isDirectory()) return [{ source: name, read: "file" }];
    const files = filesIn(name, recursive);
    if (files.length === 0) {
      throw new CliError(`error reading [${name}]: recognized file extensions are [.json .yaml .yml]`);
    }
    return files.map((source) => ({ source, read: "file" }));
  });
}

function filesIn(folder: string, recursive: boolean): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).toSorted((left, right) => (left.name < right.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (statSync(path).isDirectory()) return recursive ? filesIn(path, recursive) : [];
    return /\.(?:json|yaml|yml)$/.test(entry.name) ? [path] : [];
  });
}

function fileText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CliError(`error reading ${path}: ${(error as Error).message}`, { cause: error });
  }
}

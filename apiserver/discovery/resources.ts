import type { ResourceDefinition, ServedDefinition } from "#api/definition";
import { apiVersionOf } from "#api/resource-type";
import type { DocumentType } from "../registry/read-body.ts";
import { subresourcesOf } from "../registry/subresource-table.ts";

/** One line of discovery: a kind, or a subresource of one. */
export interface DiscoveredResource {
  /** `pods`, `pods/status`. */
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  /** Only where it differs from the group and version it is served under. */
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** OpenAPI name of its document, where that is not the kind itself. */
  readonly schema?: string;
}

const allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const readVerbs = ["get", "list", "watch"];
const partVerbs = ["get", "patch", "update"];

function verbsOf({ type, readOnly }: ResourceDefinition): readonly string[] {
  if (readOnly === true) return readVerbs;
  return type.group === "" && type.resource === "namespaces" ? allVerbs.filter((verb) => verb !== "deletecollection") : allVerbs;
}

/** Everything that is served for one kind. The one place that says which subresources exist. */
export function resourcesOf(definition: ServedDefinition): DiscoveredResource[] {
  const { type, singular } = definition;
  const whole = { name: type.resource, singularName: singular, namespaced: type.namespaced, kind: type.kind };
  if ("isReview" in definition) return [{ ...whole, verbs: ["create"] }];
  const { shortNames, categories } = definition;
  const part = (name: string, verbs: readonly string[], document?: DocumentType): DiscoveredResource => ({
    name: `${type.resource}/${name}`,
    singularName: "",
    namespaced: type.namespaced,
    ...(document !== undefined && document.apiVersion !== apiVersionOf(type) && groupVersionOf(document.apiVersion)),
    kind: document?.kind ?? type.kind,
    verbs,
    ...(document && { schema: document.schema }),
  });
  const parts = [
    ...subresourcesOf(definition).map(({ name, verbs, document }) => part(name, Object.keys(verbs).sort(), document)),
    ...(type.group === "" && type.resource === "namespaces" ? [part("finalize", ["update"])] : []),
    ...(definition.hasStatus === true ? [part("status", partVerbs)] : []),
  ];
  return [
    { ...whole, verbs: verbsOf(definition), ...(shortNames && { shortNames }), ...(categories && { categories }) },
    ...parts.sort((left, right) => (left.name < right.name ? -1 : 1)),
  ];
}

function groupVersionOf(apiVersion: string): { group: string; version: string } {
  const [version = "", group = ""] = apiVersion.split("/").reverse();
  return { group, version };
}

export interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly definitions: readonly ServedDefinition[];
}

/** The core group first, the others in the order of their names. */
export function groupVersions(definitions: readonly ServedDefinition[]): GroupVersion[] {
  const found = new Map<string, { group: string; version: string; definitions: ServedDefinition[] }>();
  for (const definition of definitions) {
    const { group, version } = definition.type;
    const entry = found.get(`${group}/${version}`) ?? { group, version, definitions: [] };
    entry.definitions.push(definition);
    found.set(`${group}/${version}`, entry);
  }
  return [...found.values()]
    .map((entry) => ({
      ...entry,
      definitions: entry.definitions.toSorted((left, right) => (left.type.resource < right.type.resource ? -1 : 1)),
    }))
    .toSorted((left, right) => (left.group < right.group ? -1 : 1));
}

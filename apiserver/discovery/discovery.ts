import type { ServedDefinition } from "#api/definition";
import { apiVersionOf } from "#api/resource-type";
import { groupVersions, resourcesOf, type DiscoveredResource, type GroupVersion } from "./resources.ts";

/** The documents by which clients find out what a server has. Objects of plain data, made once. */
export interface Discovery {
  /** `/api`. */
  readonly coreVersions: object;
  /** `/apis`. */
  readonly groups: object;
  /** `/api` and `/apis` for clients that ask for everything in one go. */
  readonly aggregatedCore: object;
  readonly aggregatedGroups: object;
  /** `/apis/GROUP`. */
  group(name: string): object | undefined;
  /** `/api/v1`, `/apis/GROUP/VERSION`. */
  resources(group: string, version: string): object | undefined;
}

export const aggregatedContentType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** Says whether a client asks for the aggregated form. */
export function wantsAggregated(accept: string): boolean {
  return accept.split(",").some((clause) => {
    const parts = clause.split(";").map((part) => part.trim());
    return (
      parts[0] === "application/json" &&
      parts.includes("g=apidiscovery.k8s.io") &&
      parts.includes("v=v2") &&
      parts.includes("as=APIGroupDiscoveryList")
    );
  });
}

export function discoveryOf(definitions: readonly ServedDefinition[], serverAddress: string): Discovery {
  const all = groupVersions(definitions);
  const named = all.filter(({ group }) => group !== "");
  const core = all.filter(({ group }) => group === "");
  const groups = [...new Set(named.map(({ group }) => group))].map((group) =>
    groupDocument(
      group,
      named.filter((entry) => entry.group === group),
    ),
  );
  return {
    coreVersions: {
      kind: "APIVersions",
      versions: core.map(({ version }) => version),
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
    },
    groups: { kind: "APIGroupList", apiVersion: "v1", groups },
    aggregatedCore: aggregated(core),
    aggregatedGroups: aggregated(named),
    group: (name) => {
      const found = groups.find((group) => group.name === name);
      return found && { kind: "APIGroup", apiVersion: "v1", ...found };
    },
    resources: (group, version) => {
      const found = all.find((entry) => entry.group === group && entry.version === version);
      return (
        found && {
          kind: "APIResourceList",
          apiVersion: "v1",
          groupVersion: apiVersionOf(found),
          resources: found.definitions.flatMap(resourcesOf).map(({ schema: _, ...resource }) => resource),
        }
      );
    },
  };
}

function groupDocument(
  group: string,
  versions: readonly GroupVersion[],
): { name: string; versions: object[]; preferredVersion: object } {
  const listed = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: listed, preferredVersion: listed[0] ?? {} };
}

/** apidiscovery.k8s.io/v2. */
function aggregated(entries: readonly GroupVersion[]): object {
  const groups = [...new Set(entries.map(({ group }) => group))];
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: groups.map((group) => ({
      metadata: { ...(group !== "" && { name: group }), creationTimestamp: null },
      versions: entries
        .filter((entry) => entry.group === group)
        .map(({ version, definitions }) => ({
          version,
          resources: definitions.map((definition) => aggregatedResource(definition)),
          freshness: "Current",
        })),
    })),
  };
}

function aggregatedResource(definition: ServedDefinition): object {
  const [whole, ...parts] = resourcesOf(definition);
  const kindOf = (resource: DiscoveredResource): object => ({
    group: resource.group ?? definition.type.group,
    version: resource.version ?? definition.type.version,
    kind: resource.kind,
  });
  if (whole === undefined) return {};
  return {
    resource: whole.name,
    responseKind: kindOf(whole),
    scope: whole.namespaced ? "Namespaced" : "Cluster",
    singularResource: whole.singularName,
    verbs: whole.verbs,
    ...(whole.shortNames && { shortNames: whole.shortNames }),
    ...(whole.categories && { categories: whole.categories }),
    ...(parts.length > 0 && {
      subresources: parts.map((part) => ({
        subresource: part.name.slice(part.name.indexOf("/") + 1),
        responseKind: kindOf(part),
        verbs: part.verbs,
      })),
    }),
  };
}

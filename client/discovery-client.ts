import type { ResourceType } from "#api/resource-type";
import type { RestClient } from "./rest-client.ts";

/** A kind as a server says it serves it, in the group's preferred version first. */
export interface ServedResource extends ResourceType {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  /** Of its subresources, e.g. `scale`. */
  readonly subresources: readonly string[];
}

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** All kinds in the server's order: core first, then the groups. A server without the aggregated form is asked group by group. */
export async function discoverResources(client: RestClient, signal?: AbortSignal): Promise<readonly ServedResource[]> {
  const ask = async (path: string): Promise<Aggregated | Versions | Groups> =>
    client.send({ method: "GET", path, accept: `${aggregated},application/json`, ...(signal !== undefined && { signal }) });
  const [core, groups] = await Promise.all([ask("/api"), ask("/apis")]);
  const found = await Promise.all([core, groups].map((answer) => resourcesIn(client, answer, signal)));
  return found.flat();
}

async function resourcesIn(
  client: RestClient,
  answer: Aggregated | Versions | Groups,
  signal: AbortSignal | undefined,
): Promise<readonly ServedResource[]> {
  if ("items" in answer) return answer.items.flatMap(fromGroup);
  const names =
    "groups" in answer
      ? answer.groups.flatMap(({ versions }) => versions.map(({ groupVersion }) => groupVersion))
      : answer.versions;
  const root = "groups" in answer ? "/apis" : "/api";
  const lists = await Promise.all(
    names.map((name) =>
      client.send<PlainList>({ method: "GET", path: `${root}/${name}`, ...(signal !== undefined && { signal }) }),
    ),
  );
  return lists.flatMap(fromPlainList);
}

interface Aggregated {
  readonly items: readonly AggregatedGroup[];
}
interface AggregatedGroup {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly { readonly version: string; readonly resources?: readonly AggregatedResource[] }[];
}
interface AggregatedResource {
  readonly resource: string;
  readonly responseKind?: { readonly kind?: string };
  readonly scope: string;
  readonly singularResource: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly { readonly subresource: string }[];
}

function fromGroup({ metadata, versions }: AggregatedGroup): ServedResource[] {
  return versions.flatMap(({ version, resources = [] }) =>
    resources
      .filter(({ responseKind, verbs }) => responseKind?.kind !== undefined && verbs.length > 0)
      .map((resource) => ({
        group: metadata.name ?? "",
        version,
        resource: resource.resource,
        kind: resource.responseKind?.kind ?? "",
        namespaced: resource.scope === "Namespaced",
        singular: resource.singularResource,
        shortNames: resource.shortNames ?? [],
        categories: resource.categories ?? [],
        verbs: resource.verbs,
        subresources: (resource.subresources ?? []).map(({ subresource }) => subresource),
      })),
  );
}

interface Versions {
  readonly versions: readonly string[];
}
interface Groups {
  readonly groups: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[];
}
interface PlainList {
  readonly groupVersion: string;
  readonly resources: readonly {
    readonly name: string;
    readonly singularName: string;
    readonly namespaced: boolean;
    readonly kind: string;
    readonly verbs: readonly string[];
    readonly shortNames?: readonly string[];
    readonly categories?: readonly string[];
  }[];
}

function fromPlainList({ groupVersion, resources }: PlainList): ServedResource[] {
  const [group, version] = groupVersion.includes("/") ? groupVersion.split("/", 2) : ["", groupVersion];
  return resources
    .filter(({ name }) => !name.includes("/"))
    .map((resource) => ({
      group: group ?? "",
      version: version ?? "",
      resource: resource.name,
      kind: resource.kind,
      namespaced: resource.namespaced,
      singular: resource.singularName === "" ? resource.kind.toLowerCase() : resource.singularName,
      shortNames: resource.shortNames ?? [],
      categories: resource.categories ?? [],
      verbs: resource.verbs,
      subresources: resources
        .filter(({ name }) => name.startsWith(`${resource.name}/`))
        .map(({ name }) => name.slice(resource.name.length + 1)),
    }));
}

import type { ResourceType } from "#api/resource-type";

interface Target {
  readonly type: ResourceType;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly query?: Readonly<Record<string, string>>;
}

/** `/apis/apps/v1/namespaces/default/deployments/web/scale?…` */
export function resourcePath({ type, namespace = "", name, subresource, query }: Target): string {
  const segments = [
    ...(type.group === "" ? ["api", type.version] : ["apis", type.group, type.version]),
    ...(type.namespaced && namespace !== "" ? ["namespaces", namespace] : []),
    type.resource,
    ...(name === undefined ? [] : [name]),
  ];
  const path = segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");
  // A subresource such as `proxy/some/path` brings its own slashes.
  const tail = subresource === undefined ? "" : `/${subresource}`;
  const parameters = new URLSearchParams(query).toString();
  return `${path}${tail}${parameters === "" ? "" : `?${parameters}`}`;
}

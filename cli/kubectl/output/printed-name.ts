import type { KubeObject } from "#api/object";

/** `pod/web`, `deployment.apps/web`. */
export function printedName(object: KubeObject): string {
  return `${printedKind(object)}/${object.metadata.name ?? ""}`;
}

/** `pod`, `deployment.apps`. */
export function printedKind({ apiVersion = "", kind = "" }: { apiVersion?: string; kind?: string }): string {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return `${kind.toLowerCase()}${group === "" ? "" : `.${group}`}`;
}

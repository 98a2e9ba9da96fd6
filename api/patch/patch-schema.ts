import { schemaDefinitions, type Schema } from "../schema.ts";

/**
 * By which schema a strategic merge patch of this kind is made. Absent for kinds that are not Kubernetes' own: servers take
 * only JSON merge patches for them.
 */
export function patchSchemaOf(group: string, version: string, kind: string): Schema | undefined {
  if (group.includes(".") && !group.endsWith(".k8s.io")) return undefined;
  const [first = ""] = group.split(".");
  const roots = {
    apiextensions: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
    apiregistration: "io.k8s.kube-aggregator.pkg.apis.apiregistration",
  };
  const root = roots[first as keyof typeof roots] as string | undefined;
  return schemaDefinitions()[`${root ?? `io.k8s.api.${first === "" ? "core" : first}`}.${version}.${kind}`];
}

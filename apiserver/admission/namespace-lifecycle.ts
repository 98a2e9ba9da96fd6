import { namespaces } from "#api/resource-type";
import { notFound, StatusError } from "#api/status";
import type { Reader } from "../registry/reader.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";

const immortal = new Set(["default", "kube-system", "kube-public"]);

/** Nothing is made in a namespace that is not there or on its way out, and the cluster's own namespaces stay. */
export function namespaceLifecycle(reader: Reader): AdmissionPlugin {
  return {
    name: "NamespaceLifecycle",
    handles: ({ operation, type }) =>
      operation === "delete" ? type.resource === "namespaces" && type.group === "" : operation === "create" && type.namespaced,
    // Before anything that could be missing only because its namespace is.
    mutate: async (request) => {
      if (request.operation === "create") await checkNamespace(reader, request);
      return request.object;
    },
    validate: async ({ operation, name }) => {
      if (operation !== "delete" || !immortal.has(name)) return;
      throw new StatusError("Forbidden", `namespaces "${name}" is forbidden: this namespace may not be deleted`, {
        name,
        kind: "namespaces",
      });
    },
  };
}

/** @throws StatusError NotFound, Forbidden */
async function checkNamespace(reader: Reader, { type, namespace, name, subresource }: AdmissionRequest): Promise<void> {
  const key = { namespace: "", name: namespace };
  const found = reader.get(namespaces, key) ?? (await reader.getLive(namespaces, key));
  if (found === undefined) throw notFound(namespaces, namespace);
  if (found.status?.phase !== "Terminating" || subresource !== undefined) return;
  const qualified = type.group === "" ? type.resource : `${type.resource}.${type.group}`;
  const message = `${qualified} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`;
  const causes = [
    { reason: "NamespaceTerminating", message: `namespace ${namespace} is being terminated`, field: "metadata.namespace" },
  ];
  throw new StatusError("Forbidden", message, {
    name,
    ...(type.group !== "" && { group: type.group }),
    kind: type.resource,
    causes,
  });
}

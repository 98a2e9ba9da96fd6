import type { ResourceDefinition } from "../definition.ts";
import { invalidValue, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type { Namespace } from "../generated/types.ts";
import { dnsLabelErrors, labelKeyErrors } from "../label-validation.ts";
import { validateFinalizer } from "../metadata-validation.ts";
import { namespaces } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";

function validateHold(finalizer: string, field: string): FieldError[] {
  return [...named(field, finalizer, labelKeyErrors), ...validateFinalizer(finalizer, field)];
}

function validatePhase({ metadata, status }: Namespace): FieldError[] {
  const wanted = metadata.deletionTimestamp === undefined ? "Active" : "Terminating";
  if (status?.phase === wanted) return [];
  const when = wanted === "Active" ? "empty" : "not empty";
  return [invalidValue("status.Phase", status?.phase ?? "", `may only be '${wanted}' if \`deletionTimestamp\` is ${when}`)];
}

const nameLabel = "kubernetes.io/metadata.name";

export const namespaceDefinition: ResourceDefinition<Namespace> = {
  type: namespaces,
  singular: "namespace",
  shortNames: ["ns"],
  versions: [{ version: "v1", schema: "io.k8s.api.core.v1.Namespace" }],
  hasStatus: true,
  validateName: dnsLabelErrors,
  withDefaults: (namespace) => {
    const { name } = namespace.metadata;
    if (name === undefined) return namespace;
    return { ...namespace, metadata: { ...namespace.metadata, labels: { ...namespace.metadata.labels, [nameLabel]: name } } };
  },
  prepareForCreate: (namespace) => ({
    ...namespace,
    spec: { finalizers: [...new Set([...(namespace.spec?.finalizers ?? []), "kubernetes"])] },
    status: { phase: "Active" },
  }),
  // What holds a namespace is taken off through /finalize alone.
  prepareForUpdate: (next, old, subresource) =>
    subresource === "finalize" ? { ...old, spec: next.spec ?? {} } : { ...next, ...(old.spec && { spec: old.spec }) },
  validate: (namespace) => (namespace.spec?.finalizers ?? []).flatMap((finalizer) => validateHold(finalizer, "spec.finalizers")),
  validateUpdate: (next, _old, subresource) => {
    if (subresource === "finalize") {
      const holds = next.spec?.finalizers ?? [];
      return holds.flatMap((finalizer, index) => validateHold(finalizer, `spec.finalizers[${index}]`));
    }
    return subresource === "status" ? validatePhase(next) : [];
  },
  selectableFields: (namespace) => ({ "status.phase": namespace.status?.phase ?? "" }),
  tableColumns: [column("Status", "Active, or Terminating while its contents are removed."), ageColumn],
  tableRow: (namespace, now) => [namespace.status?.phase ?? "", age(namespace.metadata.creationTimestamp, now)],
  markDeleted: (namespace) => ({ ...namespace, status: { ...namespace.status, phase: "Terminating" } }),
  heldBy: (namespace) => namespace.spec?.finalizers ?? [],
};

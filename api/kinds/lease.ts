import type { ResourceDefinition } from "../definition.ts";
import { invalidValue, type FieldError } from "../field-error.ts";
import { negative } from "../field-rules.ts";
import type { Lease } from "../generated/types.ts";
import { leases } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";

export const leaseDefinition: ResourceDefinition<Lease> = {
  type: leases,
  singular: "lease",
  versions: [{ version: "v1", schema: "io.k8s.api.coordination.v1.Lease" }],
  allowCreateOnUpdate: true,
  requiresResourceVersion: false,
  validate: (lease) => {
    const errors: FieldError[] = [];
    const { leaseDurationSeconds: duration, leaseTransitions: transitions } = lease.spec ?? {};
    if (duration !== undefined && duration <= 0)
      errors.push(invalidValue("spec.leaseDurationSeconds", duration, "must be greater than 0"));
    if (transitions !== undefined && transitions < 0) errors.push(negative("spec.leaseTransitions", transitions));
    return errors;
  },
  tableColumns: [column("Holder", "Who holds the lease."), ageColumn],
  tableRow: (lease, now) => [lease.spec?.holderIdentity ?? "", age(lease.metadata.creationTimestamp, now)],
};

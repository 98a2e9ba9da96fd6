import type { ResourceDefinition } from "../definition.ts";
import { forbidden, invalidValue, notSupported, type FieldError } from "../field-error.ts";
import { named, negative } from "../field-rules.ts";
import type { Lease } from "../generated/types.ts";
import { labelKeyErrors } from "../label-validation.ts";
import { leases } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";

export const leaseDefinition: ResourceDefinition<Lease> = {
  type: leases,
  singular: "lease",
  versions: [{ version: "v1", schema: "io.k8s.api.coordination.v1.Lease" }],
  allowCreateOnUpdate: true,
  requiresResourceVersion: true,
  validate: (lease) => {
    const errors: FieldError[] = [];
    const { leaseDurationSeconds: duration, leaseTransitions: transitions, strategy, preferredHolder } = lease.spec ?? {};
    if (duration !== undefined && duration <= 0)
      errors.push(invalidValue("spec.leaseDurationSeconds", duration, "must be greater than 0"));
    if (transitions !== undefined && transitions < 0) errors.push(negative("spec.leaseTransitions", transitions));
    if (strategy !== undefined && !strategy.includes("/") && strategy !== "OldestEmulationVersion")
      errors.push(notSupported("spec.strategy.strategy", strategy, ["OldestEmulationVersion"]));
    if (strategy?.includes("/") === true) errors.push(...named("spec.strategy.strategy", strategy, labelKeyErrors));
    if (preferredHolder && !strategy)
      errors.push(forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined"));
    return errors;
  },
  tableColumns: [column("Holder", "Who holds the lease."), ageColumn],
  tableRow: (lease, now) => [lease.spec?.holderIdentity ?? "", age(lease.metadata.creationTimestamp, now)],
};

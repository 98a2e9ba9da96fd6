import type { ResourceDefinition } from "../definition.ts";
import type { ServiceAccount } from "../generated/types.ts";
import { serviceAccounts } from "../resource-type.ts";
import { age, ageColumn, column } from "../table-cells.ts";

export const serviceAccountDefinition: ResourceDefinition<ServiceAccount> = {
  type: serviceAccounts,
  singular: "serviceaccount",
  shortNames: ["sa"],
  versions: [{ version: "v1", schema: "io.k8s.api.core.v1.ServiceAccount" }],
  answersDeleted: true,
  tableColumns: [column("Secrets", "Number of secrets its pods may mount.", { type: "integer" }), ageColumn],
  tableRow: (account, now) => [account.secrets?.length ?? 0, age(account.metadata.creationTimestamp, now)],
};

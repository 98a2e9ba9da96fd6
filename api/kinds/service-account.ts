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
  // Of a secret only the name counts: it is of the account's own namespace.
  prepareForCreate: withSecretNames,
  prepareForUpdate: withSecretNames,
  warnings: ({ metadata }) =>
    metadata.annotations?.[enforceMountable] === undefined
      ? []
      : [
          `metadata.annotations[${enforceMountable}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
        ],
  tableColumns: [column("Secrets", "Number of secrets its pods may mount.", { type: "integer" }), ageColumn],
  tableRow: (account, now) => [account.secrets?.length ?? 0, age(account.metadata.creationTimestamp, now)],
};

const enforceMountable = "kubernetes.io/enforce-mountable-secrets";

function withSecretNames(account: ServiceAccount): ServiceAccount {
  const { secrets } = account;
  if (secrets === undefined) return account;
  return { ...account, secrets: secrets.map(({ name }) => (name === undefined ? {} : { name })) };
}

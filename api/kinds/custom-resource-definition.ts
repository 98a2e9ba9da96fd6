import type { ResourceDefinition } from "../definition.ts";
import type { ResourceType } from "../resource-type.ts";
import { column } from "../table-cells.ts";

const customResourceDefinitions: ResourceType = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

/** There are none yet and none can be made: kubectl lists them before it says that a kind is unknown. */
export const customResourceDefinitionDefinition: ResourceDefinition = {
  type: customResourceDefinitions,
  singular: "customresourcedefinition",
  shortNames: ["crd", "crds"],
  versions: [{ version: "v1", schema: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition" }],
  readOnly: true,
  tableColumns: [column("Created At", "When it was made.", { type: "date" })],
  tableRow: (definition) => [definition.metadata.creationTimestamp ?? ""],
};

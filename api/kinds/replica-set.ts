import type { ResourceDefinition } from "../definition.ts";
import { nonNegative } from "../field-rules.ts";
import type { ReplicaSet, ReplicaSetSpec } from "../generated/types.ts";
import { compileLabelSelector, formatLabelSelector } from "../label-selector.ts";
import { replicaSets } from "../resource-type.ts";
import { age, ageColumn, column, workloadCells, workloadColumns } from "../table-cells.ts";
import {
  defaultTemplate,
  templateWarnings,
  validateReplicaCounts,
  validateSameSelector,
  validateSelectorAndTemplate,
} from "./workload-validation.ts";

const specOf = (replicaSet: ReplicaSet): ReplicaSetSpec => replicaSet.spec ?? ({} as ReplicaSetSpec);

export const replicaSetDefinition: ResourceDefinition<ReplicaSet> = {
  type: replicaSets,
  singular: "replicaset",
  shortNames: ["rs"],
  categories: ["all"],
  versions: [{ version: "v1", schema: "io.k8s.api.apps.v1.ReplicaSet" }],
  hasStatus: true,
  tracksGeneration: true,
  withDefaults: (replicaSet) => {
    const spec = specOf(replicaSet);
    return { ...replicaSet, spec: { ...spec, replicas: spec.replicas ?? 1, template: defaultTemplate(spec.template) } };
  },
  prepareForCreate: (replicaSet) => ({ ...replicaSet, status: { replicas: 0 } }),
  validate: (replicaSet) => {
    const spec = specOf(replicaSet);
    return [
      ...nonNegative("spec.replicas", spec.replicas),
      ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
      ...validateSelectorAndTemplate(spec.selector, spec.template),
    ];
  },
  validateUpdate: (next, old, subresource) =>
    subresource === "status"
      ? validateReplicaCounts(
          next.status ?? {},
          ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
          ["terminatingReplicas", "observedGeneration"],
        )
      : validateSameSelector(next.spec?.selector, old.spec?.selector),
  // A controller's ReplicaSet repeats what was said of its Deployment.
  warnings: (replicaSet, old) =>
    (replicaSet.metadata.ownerReferences ?? []).length > 0 ? [] : templateWarnings(replicaSet, old),
  tableColumns: [
    column("Desired", "How many pods it should have.", { type: "integer" }),
    column("Current", "How many it has.", { type: "integer" }),
    column("Ready", "How many of them are ready.", { type: "integer" }),
    ageColumn,
    ...workloadColumns,
  ],
  tableRow: (replicaSet, now) => {
    const { replicas = 0, template, selector } = specOf(replicaSet);
    return [
      replicas,
      replicaSet.status?.replicas ?? 0,
      replicaSet.status?.readyReplicas ?? 0,
      age(replicaSet.metadata.creationTimestamp, now),
      ...workloadCells(template, selector),
    ];
  },
  scale: {
    replicas: (replicaSet) => specOf(replicaSet).replicas ?? 0,
    withReplicas: (replicaSet, replicas) => ({ ...replicaSet, spec: { ...specOf(replicaSet), replicas } }),
    statusReplicas: (replicaSet) => replicaSet.status?.replicas ?? 0,
    selector: (replicaSet) => formatLabelSelector(compileLabelSelector(replicaSet.spec?.selector)),
  },
};

import { isDeepStrictEqual } from "node:util";
import type { ResourceDefinition } from "../definition.ts";
import { forbidden, invalidValue, notSupported, type FieldError } from "../field-error.ts";
import { nonNegative } from "../field-rules.ts";
import type { Deployment, DeploymentSpec, DeploymentStrategy, IntOrString } from "../generated/types.ts";
import { isPercentage } from "../int-or-string.ts";
import { compileLabelSelector, formatLabelSelector } from "../label-selector.ts";
import { deployments } from "../resource-type.ts";
import { age, ageColumn, column, workloadCells, workloadColumns } from "../table-cells.ts";
import {
  defaultTemplate,
  templateWarnings,
  validateReplicaCounts,
  validateSameSelector,
  validateSelectorAndTemplate,
} from "./workload-validation.ts";

const specOf = (deployment: Deployment): DeploymentSpec => deployment.spec ?? ({} as DeploymentSpec);

export const deploymentDefinition: ResourceDefinition<Deployment> = {
  type: deployments,
  singular: "deployment",
  shortNames: ["deploy"],
  categories: ["all"],
  versions: [{ version: "v1", schema: "io.k8s.api.apps.v1.Deployment" }],
  hasStatus: true,
  tracksGeneration: true,
  withDefaults: (deployment) => {
    const spec = specOf(deployment);
    return {
      ...deployment,
      spec: {
        ...spec,
        replicas: spec.replicas ?? 1,
        template: defaultTemplate(spec.template),
        strategy: defaultStrategy(spec.strategy),
        revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
        progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
      },
    };
  },
  prepareForCreate: (deployment) => ({ ...deployment, status: {} }),
  validate: validateDeployment,
  // Its ReplicaSets repeat its annotations, so that these count as much as the spec.
  prepareForUpdate: (next, old, subresource) => {
    if (subresource !== undefined || isDeepStrictEqual(next.metadata.annotations ?? {}, old.metadata.annotations ?? {}))
      return next;
    return { ...next, metadata: { ...next.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
  },
  validateUpdate: (next, old, subresource) =>
    subresource === "status" ? validateStatus(next, old) : validateSameSelector(next.spec?.selector, old.spec?.selector),
  warnings: templateWarnings,
  tableColumns: [
    column("Ready", "How many replicas are ready, of how many wanted."),
    column("Up-to-date", "Replicas made from the newest template.", { type: "string" }),
    column("Available", "Replicas that have been ready for minReadySeconds.", { type: "string" }),
    ageColumn,
    ...workloadColumns,
  ],
  tableRow: (deployment, now) => {
    const { replicas = 0, template, selector } = specOf(deployment);
    const { readyReplicas = 0, updatedReplicas = 0, availableReplicas = 0 } = deployment.status ?? {};
    return [
      `${readyReplicas}/${replicas}`,
      updatedReplicas,
      availableReplicas,
      age(deployment.metadata.creationTimestamp, now),
      ...workloadCells(template, selector),
    ];
  },
  scale: {
    replicas: (deployment) => specOf(deployment).replicas ?? 0,
    withReplicas: (deployment, replicas) => ({ ...deployment, spec: { ...specOf(deployment), replicas } }),
    statusReplicas: (deployment) => deployment.status?.replicas ?? 0,
    selector: (deployment) => formatLabelSelector(compileLabelSelector(deployment.spec?.selector)),
  },
};

function defaultStrategy(strategy: DeploymentStrategy | undefined): DeploymentStrategy {
  const type = strategy?.type === undefined || strategy.type === "" ? "RollingUpdate" : strategy.type;
  if (type !== "RollingUpdate") return { ...strategy, type };
  const { maxUnavailable = "25%", maxSurge = "25%" } = strategy?.rollingUpdate ?? {};
  return { ...strategy, type, rollingUpdate: { maxUnavailable, maxSurge } };
}

function validateDeployment(deployment: Deployment): FieldError[] {
  const spec = specOf(deployment);
  const errors: FieldError[] = [
    ...nonNegative("spec.replicas", spec.replicas),
    ...validateSelectorAndTemplate(spec.selector, spec.template),
    ...validateStrategy(spec.strategy ?? {}, "spec.strategy"),
    ...nonNegative("spec.minReadySeconds", spec.minReadySeconds),
    ...nonNegative("spec.revisionHistoryLimit", spec.revisionHistoryLimit),
    ...nonNegative("spec.progressDeadlineSeconds", spec.progressDeadlineSeconds),
  ];
  const { progressDeadlineSeconds: deadline, minReadySeconds = 0 } = spec;
  if (deadline !== undefined && deadline <= minReadySeconds) {
    errors.push(invalidValue("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"));
  }
  return errors;
}

/** Upstream: ValidateDeploymentStatusUpdate. */
function validateStatus({ status = {} }: Deployment, { status: before = {} }: Deployment): FieldError[] {
  const errors = validateReplicaCounts(
    status,
    ["updatedReplicas", "readyReplicas", "availableReplicas"],
    ["unavailableReplicas", "terminatingReplicas", "observedGeneration", "collisionCount"],
  );
  const { collisionCount: count } = status;
  if (before.collisionCount !== undefined && (count === undefined || count < before.collisionCount))
    errors.push(invalidValue("status.collisionCount", count, "cannot be decremented"));
  return errors;
}

function validateStrategy(strategy: DeploymentStrategy, at: string): FieldError[] {
  switch (strategy.type) {
    case "Recreate":
      return strategy.rollingUpdate === undefined
        ? []
        : [forbidden(`${at}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")];
    case "RollingUpdate": {
      const { maxUnavailable = 0, maxSurge = 0 } = strategy.rollingUpdate ?? {};
      const errors = [
        ...validateAmount(maxUnavailable, `${at}.rollingUpdate.maxUnavailable`, true),
        ...validateAmount(maxSurge, `${at}.rollingUpdate.maxSurge`, false),
      ];
      if (amount(maxUnavailable) === 0 && amount(maxSurge) === 0) {
        errors.push(invalidValue(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0"));
      }
      return errors;
    }
    default:
      return [notSupported(`${at}.type`, strategy.type, ["Recreate", "RollingUpdate"])];
  }
}

function validateAmount(value: IntOrString, field: string, atMostAll: boolean): FieldError[] {
  if (typeof value === "string" && !isPercentage(value)) {
    return [
      invalidValue(
        field,
        value,
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ),
    ];
  }
  if (typeof value === "number") return nonNegative(field, value);
  return atMostAll && amount(value) > 100 ? [invalidValue(field, value, "must not be greater than 100%")] : [];
}

function amount(value: IntOrString): number {
  return typeof value === "number" ? value : Number.parseInt(value, 10);
}

import type { ResourceDefinition } from "../definition.ts";
import type { Pod, PodSpec } from "../generated/types.ts";
import { pods } from "../resource-type.ts";
import { defaultPodOnly, defaultPodSpec } from "./pod-defaults.ts";
import { withMatchedLabels } from "./match-label-keys.ts";
import { validatePodAnnotationsUpdate } from "./pod-annotations-validation.ts";
import { unimplementedFields } from "./pod-fields.ts";
import { qosClass } from "./pod-qos.ts";
import { gatedCondition, keepObserved, validatePodStatusUpdate } from "./pod-status-update.ts";
import { podCells, podColumns } from "./pod-table.ts";
import { validateEphemeralUpdate, validatePodUpdate } from "./pod-update.ts";
import { validatePodCreate, validatePodOnly, validatePodSpec } from "./pod-validation.ts";
import { hostnameWarning, podWarnings } from "./pod-warnings.ts";

const emptySpec: PodSpec = { containers: [] };

export const podDefinition: ResourceDefinition<Pod> = {
  type: pods,
  singular: "pod",
  shortNames: ["po"],
  categories: ["all"],
  versions: [{ version: "v1", schema: "io.k8s.api.core.v1.Pod" }],
  hasStatus: true,
  tracksGeneration: true,
  answersDeleted: true,
  withDefaults: (pod) => ({ ...pod, spec: defaultPodOnly(defaultPodSpec(pod.spec ?? emptySpec)) }),
  prepareForCreate: (pod) => {
    const spec = withMatchedLabels(pod.spec ?? emptySpec, pod.metadata.labels ?? {});
    return { ...pod, spec, status: { phase: "Pending", ...gatedCondition(spec), qosClass: qosClass(spec) } };
  },
  prepareForUpdate: (next, old, subresource) => (subresource === "status" ? keepObserved(next, old) : next),
  validate: (pod) => [...validatePodSpec(pod.spec ?? emptySpec, "spec", pod.metadata.name ?? ""), ...validatePodOnly(pod)],
  validateCreate: validatePodCreate,
  validateUpdate: (next, old, subresource) => {
    const annotations = validatePodAnnotationsUpdate(
      next.metadata.annotations ?? {},
      old.metadata.annotations ?? {},
      "metadata.annotations",
    );
    if (subresource === "status") return [...annotations, ...validatePodStatusUpdate(next, old)];
    if (subresource === "ephemeralcontainers")
      return validateEphemeralUpdate(next.spec?.ephemeralContainers ?? [], old.spec?.ephemeralContainers ?? []);
    if (subresource !== undefined) return [];
    return [...annotations, ...validatePodUpdate(next.spec ?? emptySpec, old.spec ?? emptySpec)];
  },
  // Pods are updated often, and seldom by people.
  warnings: (pod, old) =>
    old === undefined
      ? [
          ...hostnameWarning(pod.metadata.name ?? "", "the Pod's hostname"),
          ...podWarnings(pod.spec ?? emptySpec, pod.metadata.annotations ?? {}, ""),
          ...unimplementedFields(pod.spec ?? emptySpec).map(
            (path) => `spec.${path}: not implemented yet by this node agent, ignored`,
          ),
        ]
      : [],
  selectableFields: (pod) => ({
    "spec.nodeName": pod.spec?.nodeName ?? "",
    "spec.restartPolicy": pod.spec?.restartPolicy ?? "",
    "spec.schedulerName": pod.spec?.schedulerName ?? "",
    "spec.serviceAccountName": pod.spec?.serviceAccountName ?? "",
    "spec.hostNetwork": String(pod.spec?.hostNetwork ?? false),
    "status.phase": pod.status?.phase ?? "",
    "status.podIP": pod.status?.podIP ?? "",
    "status.podIPs": pod.status?.podIPs?.map(({ ip }) => ip).join(",") ?? "",
    "status.nominatedNodeName": pod.status?.nominatedNodeName ?? "",
  }),
  tableColumns: podColumns,
  tableRow: podCells,
  gracePeriodSeconds: (pod, requested) => {
    const grace = Math.max(
      requested ?? pod.spec?.terminationGracePeriodSeconds ?? 30,
      requested === undefined || requested < 0 ? 1 : 0,
    );
    // Nobody has to stop what never started or has ended.
    const bound = pod.spec?.nodeName !== undefined && pod.spec.nodeName !== "";
    const ended = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
    return bound && !ended ? grace : 0;
  },
};

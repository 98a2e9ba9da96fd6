import { isDeepStrictEqual } from "node:util";
import { forbidden, immutable, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { nonNegative } from "../field-rules.ts";
import type { LabelSelector, ObjectMeta, PodTemplateSpec } from "../generated/types.ts";
import { compileLabelSelector } from "../label-selector.ts";
import { validateLabelSelector } from "../label-selector-validation.ts";
import { validateAnnotations, validateLabels } from "../metadata-validation.ts";
import { validatePodAnnotations, validateSameProfiles } from "./pod-annotations-validation.ts";
import { defaultPodSpec } from "./pod-defaults.ts";
import { unimplementedFields } from "./pod-fields.ts";
import { validatePodSpec } from "./pod-validation.ts";
import { hostnameWarning, podWarnings } from "./pod-warnings.ts";

/** What Deployments and ReplicaSets have in common: a selector, and a template it must select. */
export function validateSelectorAndTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required("spec.selector"));
  else {
    errors.push(...validateLabelSelector(selector, "spec.selector"));
    if (isEmpty(selector)) errors.push(invalidValue("spec.selector", selector, "empty selector is invalid for deployment"));
  }
  if (errors.some(({ field = "" }) => field.startsWith("spec.selector.")))
    return [...errors, invalidValue("spec.selector", selector, "invalid label selector")];
  const labels = template?.metadata?.labels;
  // No selector selects nothing, an empty one everything.
  if ((selector === undefined || !isEmpty(selector)) && !selects(selector, labels)) {
    errors.push(invalidValue("spec.template.metadata.labels", labels ?? {}, "`selector` does not match template `labels`"));
  }
  return [...errors, ...validateTemplate(template, "spec.template")];
}

function validateTemplate(template: PodTemplateSpec | undefined, at: string): FieldError[] {
  const spec = template?.spec ?? { containers: [] };
  const errors = [
    ...validateLabels(template?.metadata?.labels, `${at}.labels`),
    ...validateAnnotations(template?.metadata?.annotations, `${at}.annotations`),
    ...validatePodAnnotations(template?.metadata?.annotations ?? {}, spec, `${at}.annotations`),
    ...validatePodSpec(spec, `${at}.spec`),
    ...validateSameProfiles(template?.metadata?.annotations ?? {}, spec, `${at}.spec`),
  ];
  if ((spec.ephemeralContainers ?? []).length > 0)
    errors.push(forbidden(`${at}.spec.ephemeralContainers`, "ephemeral containers not allowed in pod template"));
  if (spec.restartPolicy !== "Always") {
    errors.push(notSupported(`${at}.spec.restartPolicy`, spec.restartPolicy, ["Always"]));
  }
  if (spec.activeDeadlineSeconds !== undefined) {
    errors.push(forbidden(`${at}.spec.activeDeadlineSeconds`, "activeDeadlineSeconds in ReplicaSet is not Supported"));
  }
  return errors;
}

export function defaultTemplate(template: PodTemplateSpec | undefined): PodTemplateSpec {
  return { ...template, metadata: template?.metadata ?? {}, spec: defaultPodSpec(template?.spec ?? { containers: [] }) };
}

export function validateSameSelector(next: LabelSelector | undefined, old: LabelSelector | undefined): FieldError[] {
  return isDeepStrictEqual(next, old) ? [] : [immutable("spec.selector", next)];
}

function isEmpty(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}

function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>> | undefined): boolean {
  return compileLabelSelector(selector).matches(labels);
}

interface Workload {
  readonly metadata: ObjectMeta;
  readonly spec?: { readonly template?: PodTemplateSpec };
}

/** What a new workload, and one with a new template, is told. */
export function templateWarnings({ metadata, spec }: Workload, old: Workload | undefined): string[] {
  const { template } = spec ?? {};
  if (old !== undefined && isDeepStrictEqual(template, old.spec?.template)) return [];
  const podSpec = template?.spec ?? { containers: [] };
  return [
    ...(old === undefined ? hostnameWarning(metadata.name ?? "", "Pod names and hostnames") : []),
    ...podWarnings(podSpec, template?.metadata?.annotations ?? {}, "spec.template."),
    ...unimplementedFields(podSpec).map((path) => `spec.template.spec.${path}: not implemented yet by this node agent, ignored`),
  ];
}

type Counts = Readonly<Partial<Record<string, number>>>;

/** What a status may say of replicas: never less than none, and no part of them more than all. */
export function validateReplicaCounts(status: object, parts: readonly string[], others: readonly string[]): FieldError[] {
  const counts = status as Counts;
  const all = counts["replicas"] ?? 0;
  const available = counts["availableReplicas"] ?? 0;
  const ready = counts["readyReplicas"] ?? 0;
  return [
    ...["replicas", ...parts, ...others].flatMap((field) => nonNegative(`status.${field}`, counts[field])),
    ...parts.flatMap((field) => {
      const count = counts[field] ?? 0;
      return count > all ? [invalidValue(`status.${field}`, count, "cannot be greater than status.replicas")] : [];
    }),
    ...(available > ready ? [invalidValue("status.availableReplicas", available, "cannot be greater than readyReplicas")] : []),
  ];
}

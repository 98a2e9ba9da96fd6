import { forbidden, immutable, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import type { LabelSelector, PodTemplateSpec } from "../generated/types.ts";
import { compileLabelSelector } from "../label-selector.ts";
import { validateLabelSelector } from "../label-selector-validation.ts";
import { validateAnnotations, validateLabels } from "../metadata-validation.ts";
import { defaultPodSpec } from "./pod-defaults.ts";
import { validatePodSpec } from "./pod-validation.ts";
import { isDeepStrictEqual } from "node:util";

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
  const labels = template?.metadata?.labels;
  // No selector selects nothing, an empty one everything.
  if ((selector === undefined || !isEmpty(selector)) && !errors.some(isMalformed) && !selects(selector, labels)) {
    errors.push(invalidValue("spec.template.metadata.labels", labels ?? {}, "`selector` does not match template `labels`"));
  }
  return [...errors, ...validateTemplate(template, "spec.template")];
}

function validateTemplate(template: PodTemplateSpec | undefined, at: string): FieldError[] {
  const spec = template?.spec ?? { containers: [] };
  const errors = [
    ...validateLabels(template?.metadata?.labels, `${at}.labels`),
    ...validateAnnotations(template?.metadata?.annotations, `${at}.annotations`),
    ...validatePodSpec(spec, `${at}.spec`),
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

function isMalformed({ reason }: FieldError): boolean {
  return reason !== "FieldValueRequired";
}

function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>> | undefined): boolean {
  return compileLabelSelector(selector).matches(labels);
}

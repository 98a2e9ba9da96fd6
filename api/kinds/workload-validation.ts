import { immutable, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import type { LabelSelector, PodTemplateSpec } from "../generated/types.ts";
import { compileLabelSelector } from "../label-selector.ts";
import { labelKeyErrors, labelValueErrors } from "../label-validation.ts";
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
  if (selector !== undefined && !isEmpty(selector) && errors.length === 0 && !compileLabelSelector(selector).matches(labels)) {
    errors.push(invalidValue("spec.template.metadata.labels", labels ?? {}, "`selector` does not match template `labels`"));
  }
  return [...errors, ...validateTemplate(template, "spec.template")];
}

export function validateTemplate(template: PodTemplateSpec | undefined, at: string): FieldError[] {
  const spec = template?.spec ?? { containers: [] };
  const errors = [
    ...validateLabels(template?.metadata?.labels, `${at}.labels`),
    ...validateAnnotations(template?.metadata?.annotations, `${at}.annotations`),
    ...validatePodSpec(spec, `${at}.spec`),
  ];
  if (spec.restartPolicy === "OnFailure" || spec.restartPolicy === "Never") {
    errors.push(notSupported(`${at}.spec.restartPolicy`, spec.restartPolicy, ["Always"]));
  }
  if (spec.activeDeadlineSeconds !== undefined) {
    errors.push({
      reason: "FieldValueForbidden",
      message: "Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
      field: `${at}.spec.activeDeadlineSeconds`,
    });
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

function validateLabelSelector(selector: LabelSelector, at: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    for (const complaint of labelKeyErrors(key)) errors.push(invalidValue(`${at}.matchLabels`, key, complaint));
    for (const complaint of labelValueErrors(value)) errors.push(invalidValue(`${at}.matchLabels`, value, complaint));
  }
  (selector.matchExpressions ?? []).forEach((expression, index) => {
    const field = `${at}.matchExpressions[${index}]`;
    const count = expression.values?.length ?? 0;
    switch (expression.operator) {
      case "In":
      case "NotIn":
        if (count === 0) errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
        break;
      case "Exists":
      case "DoesNotExist":
        if (count > 0) {
          const message = "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
          errors.push({ reason: "FieldValueForbidden", message, field: `${field}.values` });
        }
        break;
      default:
        errors.push(invalidValue(`${field}.operator`, expression.operator, "not a valid selector operator"));
    }
    for (const complaint of labelKeyErrors(expression.key)) errors.push(invalidValue(`${field}.key`, expression.key, complaint));
  });
  return errors;
}

import { forbidden, invalidValue, required, type FieldError } from "./field-error.ts";
import { named } from "./field-rules.ts";
import type { LabelSelector } from "./generated/types.ts";
import { labelKeyErrors, labelValueErrors } from "./label-validation.ts";
import { validateLabels } from "./metadata-validation.ts";

/** The rules of a selector inside an object (upstream: apimachinery/pkg/apis/meta/v1/validation). */
export function validateLabelSelector(selector: LabelSelector | undefined, at: string): FieldError[] {
  const errors = validateLabels(selector?.matchLabels, `${at}.matchLabels`);
  (selector?.matchExpressions ?? []).forEach((expression, index) => {
    const field = `${at}.matchExpressions[${index}]`;
    const values = expression.values ?? [];
    switch (expression.operator) {
      case "In":
      case "NotIn":
        if (values.length === 0) errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
        break;
      case "Exists":
      case "DoesNotExist":
        if (values.length > 0)
          errors.push(forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        break;
      default:
        errors.push(invalidValue(`${field}.operator`, expression.operator, "not a valid selector operator"));
    }
    errors.push(...named(`${field}.key`, expression.key, labelKeyErrors));
    values.forEach((value, at) => {
      for (const complaint of labelValueErrors(value)) errors.push(invalidValue(`${field}.values[${at}]`, value, complaint));
    });
  });
  return errors;
}

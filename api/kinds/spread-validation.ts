import { duplicate, forbidden, invalidValue, notSupported, required, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type { TopologySpreadConstraint } from "../generated/types.ts";
import { validateLabelSelector } from "../label-selector-validation.ts";
import { labelKeyErrors } from "../label-validation.ts";
import { selectedBoth, selectedTwice } from "./match-label-keys.ts";

const notPositive = "must be greater than zero";

export function validateSpreadConstraints(constraints: readonly TopologySpreadConstraint[], at: string): FieldError[] {
  return constraints.flatMap((constraint, index) => {
    const field = `${at}[${index}]`;
    const { topologyKey, whenUnsatisfiable } = constraint;
    const repeated = constraints
      .slice(index + 1)
      .some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable);
    const twice = duplicate(`${field}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`);
    return [...validateConstraint(constraint, field), ...(repeated ? [twice] : [])];
  });
}

function validateConstraint(constraint: TopologySpreadConstraint, at: string): FieldError[] {
  const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector, matchLabelKeys = [] } = constraint;
  const errors: FieldError[] = [];
  if (maxSkew <= 0) errors.push(invalidValue(`${at}.maxSkew`, maxSkew, notPositive));
  if (!topologyKey) errors.push(required(`${at}.topologyKey`, "can not be empty"));
  if (whenUnsatisfiable !== "DoNotSchedule" && whenUnsatisfiable !== "ScheduleAnyway")
    errors.push(notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, ["DoNotSchedule", "ScheduleAnyway"]));
  if (minDomains !== undefined) {
    if (minDomains <= 0) errors.push(invalidValue(`${at}.minDomains`, minDomains, notPositive));
    if (whenUnsatisfiable !== "DoNotSchedule") {
      const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`;
      errors.push(invalidValue(`${at}.minDomains`, minDomains, detail));
    }
  }
  for (const field of ["nodeAffinityPolicy", "nodeTaintsPolicy"] as const) {
    const policy = constraint[field];
    if (policy !== undefined && policy !== "Honor" && policy !== "Ignore")
      errors.push(notSupported(`${at}.${field}`, policy, ["Honor", "Ignore"]));
  }
  if (matchLabelKeys.length > 0 && labelSelector === undefined)
    errors.push(forbidden(`${at}.matchLabelKeys`, "must not be specified when labelSelector is not set"));
  matchLabelKeys.forEach((key, index) => errors.push(...named(`${at}.matchLabelKeys[${index}]`, key, labelKeyErrors)));
  for (const [key, index] of selectedTwice(labelSelector, matchLabelKeys))
    errors.push(invalidValue(`${at}.matchLabelKeys[${index}]`, key, selectedBoth));
  return [...errors, ...validateLabelSelector(labelSelector, `${at}.labelSelector`)];
}

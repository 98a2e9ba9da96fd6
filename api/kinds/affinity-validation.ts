import { forbidden, invalidValue, required, type FieldError } from "../field-error.ts";
import { named } from "../field-rules.ts";
import type {
  Affinity,
  NodeAffinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  WeightedPodAffinityTerm,
} from "../generated/types.ts";
import { validateLabelSelector } from "../label-selector-validation.ts";
import { dnsLabelErrors, labelKeyErrors, labelValueErrors, subdomainErrors } from "../label-validation.ts";
import { selectedBoth, selectedTwice } from "./match-label-keys.ts";

const requiredRules = "requiredDuringSchedulingIgnoredDuringExecution";
const preferredRules = "preferredDuringSchedulingIgnoredDuringExecution";

export function validateAffinity(affinity: Affinity, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (affinity.nodeAffinity) errors.push(...validateNodeAffinity(affinity.nodeAffinity, `${at}.nodeAffinity`));
  for (const kind of ["podAffinity", "podAntiAffinity"] as const) {
    const field = `${at}.${kind}`;
    (affinity[kind]?.[requiredRules] ?? []).forEach((term, index) => {
      errors.push(...validatePodTerm(term, `${field}.${requiredRules}[${index}]`));
    });
    (affinity[kind]?.[preferredRules] ?? []).forEach((term: WeightedPodAffinityTerm, index) => {
      const place = `${field}.${preferredRules}[${index}]`;
      errors.push(...validateWeight(term.weight, place), ...validatePodTerm(term.podAffinityTerm, `${place}.podAffinityTerm`));
    });
  }
  return errors;
}

function validateNodeAffinity(affinity: NodeAffinity, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const selector = affinity[requiredRules];
  if (selector !== undefined) {
    const field = `${at}.${requiredRules}.nodeSelectorTerms`;
    if (selector.nodeSelectorTerms.length === 0) errors.push(required(field, "must have at least one node selector term"));
    selector.nodeSelectorTerms.forEach((term, index) => errors.push(...validateNodeTerm(term, `${field}[${index}]`, true)));
  }
  (affinity[preferredRules] ?? []).forEach((term, index) => {
    const field = `${at}.${preferredRules}[${index}]`;
    errors.push(...validateWeight(term.weight, field), ...validateNodeTerm(term.preference, `${field}.preference`, false));
  });
  return errors;
}

function validateWeight(weight: number, at: string): FieldError[] {
  return weight >= 1 && weight <= 100 ? [] : [invalidValue(`${at}.weight`, weight, "must be in the range 1-100")];
}

/** A preference may name label values that no node can have: it is then simply never met. */
function validateNodeTerm(term: NodeSelectorTerm, at: string, strictValues: boolean): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((requirement, index) =>
      validateNodeExpression(requirement, `${at}.matchExpressions[${index}]`, strictValues),
    ),
    ...(term.matchFields ?? []).flatMap((requirement, index) => validateNodeField(requirement, `${at}.matchFields[${index}]`)),
  ];
}

function validateNodeExpression(
  { key, operator, values = [] }: NodeSelectorRequirement,
  at: string,
  strictValues: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length === 0) errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0)
        errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
      break;
    case "Gt":
    case "Lt":
      if (values.length !== 1)
        errors.push(required(`${at}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
      break;
    default:
      errors.push(invalidValue(`${at}.operator`, operator, "not a valid selector operator"));
  }
  errors.push(...named(`${at}.key`, key, labelKeyErrors));
  if (strictValues) values.forEach((value, index) => errors.push(...named(`${at}.values[${index}]`, value, labelValueErrors)));
  return errors;
}

function validateNodeField({ key, operator, values = [] }: NodeSelectorRequirement, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== "In" && operator !== "NotIn")
    errors.push(invalidValue(`${at}.operator`, operator, "not a valid selector operator"));
  else if (values.length !== 1) {
    const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(`${at}.values`, detail));
  }
  if (key !== "metadata.name") return [...errors, invalidValue(`${at}.key`, key, "not a valid field selector key")];
  values.forEach((value, index) => errors.push(...named(`${at}.values[${index}]`, value, subdomainErrors)));
  return errors;
}

function validatePodTerm(term: PodAffinityTerm, at: string): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey } = term;
  const errors = [
    ...validateLabelSelector(labelSelector, `${at}.labelSelector`),
    ...validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`),
    ...namespaces.flatMap((name) => named(`${at}.namespace`, name, dnsLabelErrors)),
    ...validateSelectorKeys(term, "matchLabelKeys", at),
    ...validateSelectorKeys(term, "mismatchLabelKeys", at),
  ];
  for (const [key, index] of selectedTwice(labelSelector, term.matchLabelKeys ?? []))
    errors.push(invalidValue(`${at}[${index}]`, key, selectedBoth));
  (term.matchLabelKeys ?? []).forEach((key, index) => {
    if ((term.mismatchLabelKeys ?? []).includes(key))
      errors.push(invalidValue(`${at}.matchLabelKeys[${index}]`, key, "exists in both matchLabelKeys and mismatchLabelKeys"));
  });
  if (!topologyKey) errors.push(required(`${at}.topologyKey`, "can not be empty"));
  return [...errors, ...named(`${at}.topologyKey`, topologyKey, labelKeyErrors)];
}

function validateSelectorKeys(term: PodAffinityTerm, field: "matchLabelKeys" | "mismatchLabelKeys", at: string): FieldError[] {
  const keys = term[field] ?? [];
  if (keys.length === 0) return [];
  if (term.labelSelector === undefined)
    return [forbidden(`${at}.${field}`, "must not be specified when labelSelector is not set")];
  return keys.flatMap((key, index) => named(`${at}.${field}[${index}]`, key, labelKeyErrors));
}

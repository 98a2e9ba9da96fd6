import type { Node, NodeSelectorRequirement, NodeSelectorTerm } from "#api/generated/types";

/** All of a term must hold; a term that says nothing selects nothing. */
export function matchesTerm({ metadata }: Node, { matchExpressions = [], matchFields = [] }: NodeSelectorTerm): boolean {
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = metadata.labels ?? {};
  const fields = { "metadata.name": metadata.name ?? "" };
  return matchExpressions.every((wanted) => holds(wanted, labels)) && matchFields.every((wanted) => holds(wanted, fields));
}

function holds({ key, operator, values = [] }: NodeSelectorRequirement, labels: Readonly<Record<string, string>>): boolean {
  const label = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return label !== undefined && values.includes(label);
    case "NotIn":
      return label === undefined || !values.includes(label);
    case "Exists":
      return label !== undefined;
    case "DoesNotExist":
      return label === undefined;
    case "Gt":
    case "Lt":
      return compares(label, operator, values[0]);
    default:
      return false;
  }
}

function compares(label: string | undefined, operator: "Gt" | "Lt", bound: string | undefined): boolean {
  const isInteger = (text: string | undefined): text is string => text !== undefined && /^[-+]?[0-9]+$/.test(text);
  if (!isInteger(label) || !isInteger(bound)) return false;
  const [left, right] = [BigInt(label.replace("+", "")), BigInt(bound.replace("+", ""))];
  return operator === "Gt" ? left > right : left < right;
}

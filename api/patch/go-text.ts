import { isJsonObject, type Json } from "./merge-patch.ts";

/** As Go's %v prints a decoded document: messages about patches quote them so. */
export function goText(value: Json): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map((item: Json) => goText(item)).join(" ")}]`;
  if (!isJsonObject(value)) return `${value as string | number | boolean}`;
  const fields = Object.keys(value).sort();
  return `map[${fields.map((field) => `${field}:${goText(value[field] ?? null)}`).join(" ")}]`;
}

/** As Go names the type of a decoded document. */
export function goType(value: Json): string {
  if (value === null) return "%!s(<nil>)";
  if (Array.isArray(value)) return "[]interface {}";
  switch (typeof value) {
    case "object":
      return "map[string]interface {}";
    case "boolean":
      return "bool";
    case "number":
      return Number.isInteger(value) ? "int64" : "float64";
    default:
      return "string";
  }
}

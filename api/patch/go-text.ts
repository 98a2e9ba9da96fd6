import { isJsonObject, type Json } from "./merge-patch.ts";

/** As Go's %v prints a decoded document: messages about patches quote them so. */
export function goText(value: Json): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map((item: Json) => goText(item)).join(" ")}]`;
  if (!isJsonObject(value)) return `${value as string | number | boolean}`;
  const fields = Object.keys(value).sort();
  return `map[${fields.map((field) => `${field}:${goText(value[field] ?? null)}`).join(" ")}]`;
}

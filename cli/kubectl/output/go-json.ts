/** JSON as Go writes it: keys in order, and what HTML would take for markup escaped. */
export function goJson(value: unknown, indent?: string): string {
  const text = JSON.stringify(sorted(value), undefined, indent);
  return text.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  // From entries, so that not even a field called __proto__ is lost.
  return Object.fromEntries(entries.map(([key, entry]) => [key, sorted(entry)]));
}

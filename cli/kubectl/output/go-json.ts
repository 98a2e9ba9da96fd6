/** JSON as Go writes it: keys in the order of their bytes, and what HTML would take for markup escaped. */
export function goJson(value: unknown, indent = ""): string {
  const text = written(value, indent, "");
  return text.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Not by JSON.stringify, because an object of JavaScript has keys that look like numbers first. */
function written(value: unknown, indent: string, before: string): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const parts = Array.isArray(value)
    ? value.map((item) => written(item, indent, before + indent))
    : Object.entries(value)
        .filter(([, entry]) => entry !== undefined)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([key, entry]) => `${JSON.stringify(key)}:${indent === "" ? "" : " "}${written(entry, indent, before + indent)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (parts.length === 0 || indent === "") return `${open}${parts.join(",")}${close}`;
  return `${open}\n${parts.map((part) => before + indent + part).join(",\n")}\n${before}${close}`;
}

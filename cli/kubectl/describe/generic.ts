import type { ServerObject } from "../objects/requests.ts";
import { Section } from "./section.ts";

/** Any object: its fields as they come, names in words. */
export function genericText(object: ServerObject): string {
  const { name, namespace, labels, annotations, managedFields: _, ...metadata } = object.metadata;
  const section = new Section().field(0, "Name", name).field(0, "Namespace", namespace ?? "");
  section.map(0, "Labels", labels).annotations(0, annotations);
  fields(section, 0, { ...object, metadata });
  return section.text;
}

function fields(section: Section, level: number, record: object): void {
  for (const [name, value] of Object.entries(record).sort(([left], [right]) => (left < right ? -1 : 1))) {
    const title = titleOf(name);
    if (Array.isArray(value)) list(section, level, title, value as unknown[]);
    else if (typeof value === "object" && value !== null) {
      section.line(level, `${title}:`);
      fields(section, level + 1, value as object);
    } else section.field(level, title, value as string | number | boolean);
  }
}

function list(section: Section, level: number, title: string, items: readonly unknown[]): void {
  section.line(level, `${title}:`);
  for (const item of items) {
    if (typeof item === "object" && item !== null) fields(section, level + 1, item);
    else section.line(level + 1, String(item));
  }
}

const acronyms = new Set(["API", "URL", "UID", "OSB", "GUID"]);

/** `creationTimestamp` reads `Creation Timestamp`. What is more than letters is no name in camel case and stays. */
function titleOf(name: string): string {
  if (/[^\p{L}-]/u.test(name)) return name;
  const words = name.replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2").replace(/(\p{Lu}+)(\p{Lu}\p{Ll})/gu, "$1 $2");
  return words
    .split(" ")
    .map((word) => (acronyms.has(word.toUpperCase()) ? word.toUpperCase() : word.charAt(0).toUpperCase() + word.slice(1)))
    .join(" ");
}

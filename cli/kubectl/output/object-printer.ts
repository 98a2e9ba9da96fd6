import type { KubeObject } from "#api/object";
import { writeYaml } from "#api/yaml/write-yaml";
import { CliError } from "../failures.ts";
import { customColumns } from "./custom-columns.ts";
import { goJson } from "./go-json.ts";
import { parseJsonPath } from "./json-path.ts";
import { printedName } from "./printed-name.ts";

/** Whole objects as text. Several come as a List. */
export type ObjectPrinter = (object: unknown) => string;

interface PrinterOptions {
  readonly showManagedFields: boolean;
  readonly noHeaders?: boolean;
}

const wholeFormats = ["json", "jsonpath", "jsonpath-as-json", "name", "yaml"];
const templates = ["go-template", "go-template-file", "template", "templatefile", "jsonpath-file", "custom-columns-file"];

/** @throws CliError when there is no such format, or none of ours */
export function objectPrinter(format: string, options: PrinterOptions, alsoAllowed: readonly string[] = []): ObjectPrinter {
  const [name = "", ...rest] = format.split("=");
  const argument = rest.join("=");
  const whole = (object: unknown): unknown => (options.showManagedFields ? object : withoutManagedFields(object));
  switch (name) {
    case "json":
      return (object) => `${goJson(whole(object), "    ")}\n`;
    case "yaml":
      return yamlPrinter(whole);
    case "name":
      return (object) =>
        itemsOf(object)
          .map((item) => `${printedName(item)}\n`)
          .join("");
    case "jsonpath": {
      const path = parseJsonPath(needed(argument, "jsonpath"));
      return (object) => path.print(object);
    }
    case "jsonpath-as-json": {
      const path = parseJsonPath(needed(argument, "jsonpath-as-json"));
      return (object) => `${goJson(path.values(object), "    ")}\n`;
    }
    case "custom-columns":
      return customColumns(needed(argument, "custom-columns"), options.noHeaders === true);
    default: {
      if (templates.includes(name)) throw new CliError(`-o ${name} is not supported: use -o jsonpath or -o custom-columns`);
      const allowed = [...wholeFormats, ...alsoAllowed].sort().join(",");
      throw new CliError(`unable to match a printer suitable for the output format "${format}", allowed formats are: ${allowed}`);
    }
  }
}

function yamlPrinter(whole: (object: unknown) => unknown): ObjectPrinter {
  let printed = 0;
  return (object) => `${printed++ > 0 ? "---\n" : ""}${writeYaml(whole(object))}`;
}

function needed(argument: string, format: string): string {
  if (argument !== "") return argument;
  throw new CliError(
    format === "custom-columns"
      ? "custom-columns format specified but no custom columns given"
      : `template format specified but no template given`,
  );
}

export function itemsOf(object: unknown): readonly KubeObject[] {
  const { items } = object as { items?: readonly KubeObject[] };
  return Array.isArray(items) ? (items as readonly KubeObject[]) : [object as KubeObject];
}

function withoutManagedFields(object: unknown): unknown {
  const { items } = object as { items?: readonly unknown[] };
  if (Array.isArray(items)) return { ...(object as object), items: items.map(withoutManagedFields) };
  const { metadata } = object as { metadata?: { managedFields?: unknown } };
  if (metadata?.managedFields === undefined) return object;
  const { managedFields: _, ...rest } = metadata;
  return { ...(object as object), metadata: rest };
}

/**
 * Writes api/generated/types.ts from the schema data: one readonly interface per definition. Run by `npm run generate` and
 * compared by a test, so that the types never drift from the schema.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Schema } from "#api/schema";
import { packageRoot } from "#base/package-root";

/** Names taken twice get their group in front; everything else is called as in upstream's Go. */
const preferredPrefixes = ["io.k8s.api.core.v1.", "io.k8s.apimachinery.pkg.apis.meta.v1.", "io.k8s.api.apps.v1."];
const wanted = [
  "io.k8s.api.core.v1.",
  "io.k8s.api.apps.v1.",
  "io.k8s.api.authentication.v1.",
  "io.k8s.api.authorization.v1.",
  "io.k8s.api.coordination.v1.",
  "io.k8s.api.discovery.v1.",
  "io.k8s.api.scheduling.v1.",
  "io.k8s.api.autoscaling.v1.Scale",
  "io.k8s.apimachinery.pkg.",
];

export function generateTypes(definitions: Readonly<Record<string, Schema>>): string {
  const names = Object.keys(definitions).filter((name) => wanted.some((prefix) => name.startsWith(prefix)));
  const short = new Map<string, string>();
  const taken = new Set<string>();
  for (const prefix of [...preferredPrefixes, ""]) {
    for (const name of names.filter((candidate) => candidate.startsWith(prefix) && !short.has(candidate))) {
      const last = name.slice(name.lastIndexOf(".") + 1);
      const group = name.split(".").at(-3) ?? "";
      const chosen = taken.has(last) ? group.charAt(0).toUpperCase() + group.slice(1) + last : last;
      taken.add(chosen);
      short.set(name, chosen);
    }
  }
  const declarations = names.map((name) => declaration(short.get(name) ?? name, definitions[name] ?? {}, short));
  return ["// Made by `npm run generate` from api/schema; do not edit.", ...declarations.sort()].join("\n\n") + "\n";
}

function declaration(name: string, schema: Schema, short: ReadonlyMap<string, string>): string {
  if (name === "IntOrString") return "export type IntOrString = number | string;";
  if (name === "Quantity") return "export type Quantity = string | number;";
  if (name === "FieldsV1" || name === "RawExtension") return `export type ${name} = Readonly<Record<string, unknown>>;`;
  if (schema.properties === undefined) return `export type ${name} = ${typeOf(schema, short)};`;
  const required = new Set(schema.required ?? []);
  if ("metadata" in schema.properties && "apiVersion" in schema.properties) required.add("metadata");
  if (name.endsWith("List")) required.add("items");
  const fields = Object.entries(schema.properties).map(
    ([field, type]) =>
      `  readonly ${/^[$\w]+$/.test(field) ? field : JSON.stringify(field)}${required.has(field) ? "" : "?"}: ${typeOf(type, short)};`,
  );
  return `export interface ${name} {\n${fields.join("\n")}\n}`;
}

function typeOf(schema: Schema, short: ReadonlyMap<string, string>): string {
  if (schema.$ref !== undefined) return short.get(schema.$ref.replace("#/definitions/", "")) ?? "unknown";
  if (schema.type === "array") return `readonly ${parenthesized(typeOf(schema.items ?? {}, short))}[]`;
  if (schema.type === "object") {
    return `Readonly<Record<string, ${schema.additionalProperties === undefined ? "unknown" : typeOf(schema.additionalProperties, short)}>>`;
  }
  if (schema.format === "int-or-string") return "number | string";
  if (schema.type === "string") return "string";
  if (schema.type === "integer" || schema.type === "number") return "number";
  if (schema.type === "boolean") return "boolean";
  return "unknown";
}

function parenthesized(type: string): string {
  return type.includes(" ") ? `(${type})` : type;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { definitions } = JSON.parse(readFileSync(join(packageRoot, "api/schema/kubernetes-1.36-schema.json"), "utf8")) as {
    definitions: Record<string, Schema>;
  };
  writeFileSync(join(packageRoot, "api/generated/types.ts"), generateTypes(definitions));
}

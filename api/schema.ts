import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";

/** The facts of one type as upstream publishes them in OpenAPI. Decoration for discovery and merging, not a validator. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly $ref?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-patch-merge-key"?: string;
}

let loaded: Readonly<Record<string, Schema>> | undefined;

/** All definitions by OpenAPI name, e.g. `io.k8s.api.core.v1.Pod`. Read from the package once, when first asked for. */
export function schemaDefinitions(): Readonly<Record<string, Schema>> {
  if (loaded === undefined) {
    const text = readFileSync(join(packageRoot, "api/schema/kubernetes-1.36-schema.json"), "utf8");
    loaded = (JSON.parse(text) as { definitions: Record<string, Schema> }).definitions;
  }
  return loaded;
}

export function referencedName(schema: Schema): string | undefined {
  return schema.$ref?.slice("#/definitions/".length);
}

/** The schema itself, or the definition it refers to. */
export function resolveSchema(schema: Schema): Schema {
  const name = referencedName(schema);
  return name === undefined ? schema : (schemaDefinitions()[name] ?? {});
}

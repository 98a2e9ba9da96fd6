import type { ServedResource } from "#client/discovery-client";
import type { RestClient } from "#client/rest-client";
import { CliError } from "../failures.ts";

/** A type or a field as an OpenAPI v3 document has it. */
export interface OpenApiSchema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly $ref?: string;
  readonly allOf?: readonly OpenApiSchema[];
  readonly items?: OpenApiSchema;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly additionalProperties?: OpenApiSchema | boolean;
  readonly required?: readonly string[];
  readonly "x-kubernetes-group-version-kind"?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
}

/** The types of one group and version. */
export class OpenApiTypes {
  readonly #schemas: Readonly<Record<string, OpenApiSchema>>;

  constructor(schemas: Readonly<Record<string, OpenApiSchema>>) {
    this.#schemas = schemas;
  }

  ofKind({ group, version, kind }: ServedResource): OpenApiSchema | undefined {
    return Object.values(this.#schemas).find((schema) =>
      schema["x-kubernetes-group-version-kind"]?.some(
        (entry) => entry.group === group && entry.version === version && entry.kind === kind,
      ),
    );
  }

  /** What a reference leads to, or the schema itself. */
  resolve(schema: OpenApiSchema): OpenApiSchema {
    const target = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
    return target === undefined ? schema : (this.#schemas[nameIn(target)] ?? {});
  }

  /** The type whose fields a field has: below lists and maps. */
  element(schema: OpenApiSchema): OpenApiSchema {
    const resolved = this.resolve(schema);
    if (resolved.items !== undefined) return this.element(resolved.items);
    return typeof resolved.additionalProperties === "object" ? this.element(resolved.additionalProperties) : resolved;
  }

  /** `[]Container`, `map[string]string`, `PodSpec`, `integer`. */
  typeText(schema: OpenApiSchema): string {
    if (schema.items !== undefined) return `[]${this.typeText(schema.items)}`;
    if (typeof schema.additionalProperties === "object") return `map[string]${this.typeText(schema.additionalProperties)}`;
    const [only] = schema.allOf ?? [];
    if (only !== undefined && schema.allOf?.length === 1) return this.typeText(only);
    if (schema.$ref === undefined) return schema.type ?? "Object";
    const { type } = this.resolve(schema);
    const name = nameIn(schema.$ref);
    return type === undefined || type === "object" ? name.slice(name.lastIndexOf(".") + 1) : type;
  }

  /** What a field says of itself and then what its type says, each thing once. */
  texts(schema: OpenApiSchema): readonly string[] {
    const below = [schema.items, typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined];
    const resolved = this.resolve(schema);
    const inner = [...(resolved === schema ? [] : [resolved]), ...below.filter((part) => part !== undefined)];
    const found = [schema.description ?? "", ...inner.flatMap((part) => this.texts(part))];
    return [...new Set(found.filter((text) => text !== ""))];
  }
}

/** @throws CliError when the server has no such document */
export async function openApiTypesOf(
  client: RestClient,
  { group, version }: { readonly group: string; readonly version: string },
  signal: AbortSignal,
): Promise<OpenApiTypes> {
  const index = await client.send<{ paths: Record<string, { serverRelativeURL: string } | undefined> }>({
    method: "GET",
    path: "/openapi/v3",
    signal,
  });
  const found = index.paths[group === "" ? `api/${version}` : `apis/${group}/${version}`];
  if (found === undefined) throw new CliError(`the server has no OpenAPI document for ${group}/${version}`);
  const document = await client.send<{ components?: { schemas?: Record<string, OpenApiSchema> } }>({
    method: "GET",
    path: found.serverRelativeURL,
    signal,
  });
  return new OpenApiTypes(document.components?.schemas ?? {});
}

function nameIn(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1);
}

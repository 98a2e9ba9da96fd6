import protobuf from "protobufjs/minimal.js";
import type { ServedDefinition } from "#api/definition";
import { schemaDefinitions, type Schema } from "#api/schema";
import { groupVersions } from "./resources.ts";

/** As answered: clients ask for it with an @ before the v1.0, which is no media type that Go can parse. */
export const openApiV2ProtobufType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/**
 * OpenAPI v2 in the protobuf form (github.com/google/gnostic/openapiv2), which kubectl reads before it validates a kind that it
 * does not find in v3, and older ones before every apply. Only what they look at is in it: the definitions with their kinds and
 * patch strategies, and that a PATCH takes `fieldValidation`.
 */
export function openApiV2(definitions: readonly ServedDefinition[], version: string): Uint8Array {
  const kinds = new Map(definitions.map(({ type, versions }) => [versions[0]?.schema ?? "", type] as const));
  const document = protobuf.Writer.create();
  text(document, 1, "2.0");
  message(document, 2, (info) => {
    text(info, 1, "Kubernetes");
    text(info, 2, version);
  });
  message(document, 8, (paths) => {
    for (const entry of groupVersions(definitions))
      for (const definition of entry.definitions)
        if (!("isReview" in definition)) message(paths, 2, (path) => writePath(path, definition));
  });
  message(document, 9, (all) => {
    for (const [name, schema] of Object.entries(schemaDefinitions())) {
      const type = kinds.get(name);
      const extra = type && [{ group: type.group, version: type.version, kind: type.kind }];
      message(all, 1, (named) => writeNamedSchema(named, name, schema, extra));
    }
  });
  return document.finish();
}

type Writer = protobuf.Writer;

function writePath(path: Writer, { type }: ServedDefinition): void {
  const root = type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  text(path, 1, `${root}${type.namespaced ? "/namespaces/{namespace}" : ""}/${type.resource}/{name}`);
  message(path, 2, (item) => {
    message(item, 8, (patch) => {
      text(patch, 5, `patch${type.kind}`);
      for (const name of ["dryRun", "fieldManager", "fieldValidation"])
        message(patch, 8, (parameter) => writeQueryParameter(parameter, name));
      extension(patch, 13, "x-kubernetes-action", "patch");
      extension(patch, 13, "x-kubernetes-group-version-kind", { group: type.group, version: type.version, kind: type.kind });
    });
  });
}

/** ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema. */
function writeQueryParameter(item: Writer, name: string): void {
  message(item, 1, (parameter) => {
    message(parameter, 2, (nonBody) => {
      message(nonBody, 3, (query) => {
        text(query, 2, "query");
        text(query, 4, name);
        text(query, 6, "string");
      });
    });
  });
}

function writeNamedSchema(named: Writer, name: string, schema: Schema, kinds?: readonly object[]): void {
  text(named, 1, name);
  message(named, 2, (inner) => {
    writeSchema(inner, schema);
    if (kinds !== undefined) extension(inner, 31, "x-kubernetes-group-version-kind", kinds);
  });
}

function writeSchema(writer: Writer, schema: Schema): void {
  if (schema.$ref !== undefined) text(writer, 1, schema.$ref);
  if (schema.format !== undefined) text(writer, 2, schema.format);
  for (const field of schema.required ?? []) text(writer, 19, field);
  const { additionalProperties, items, properties } = schema;
  if (additionalProperties !== undefined)
    message(writer, 21, (either) => message(either, 1, (inner) => writeSchema(inner, additionalProperties)));
  if (schema.type !== undefined) message(writer, 22, (item) => text(item, 1, schema.type ?? ""));
  if (items !== undefined) message(writer, 23, (item) => message(item, 1, (inner) => writeSchema(inner, items)));
  if (properties !== undefined) {
    message(writer, 25, (all) => {
      for (const [name, property] of Object.entries(properties))
        message(all, 1, (named) => writeNamedSchema(named, name, property));
    });
  }
  for (const [name, value] of Object.entries(schema)) if (name.startsWith("x-kubernetes-")) extension(writer, 31, name, value);
}

/** NamedAny with its value as YAML, of which JSON is a part. */
function extension(writer: Writer, field: number, name: string, value: unknown): void {
  message(writer, field, (named) => {
    text(named, 1, name);
    message(named, 2, (any) => text(any, 2, `${JSON.stringify(value)}\n`));
  });
}

function text(writer: Writer, field: number, value: string): void {
  writer.uint32((field << 3) | 2).string(value);
}

function message(writer: Writer, field: number, write: (inner: Writer) => void): void {
  writer.uint32((field << 3) | 2).fork();
  write(writer);
  writer.ldelim();
}

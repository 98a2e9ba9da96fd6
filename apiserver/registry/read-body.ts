import { decode, DecodeError } from "#api/decode";
import type { ResourceDefinition } from "#api/definition";
import { duplicateFields } from "#api/duplicate-fields";
import { isTooDeep, tooDeep } from "#api/nesting";
import type { KubeObject } from "#api/object";
import { decodeProtobuf, protobufMediaType } from "#api/protobuf/decode-protobuf";
import type { ApiRequest } from "#api/request";
import { apiVersionOf } from "#api/resource-type";
import { readYaml } from "#api/yaml/read-yaml";
import { StatusError } from "#api/status";
import type { FieldValidation } from "./request-options.ts";

/** A document as the client sent it, and what strict validation holds against its text. */
export interface Document {
  readonly value: unknown;
  readonly duplicates: readonly string[];
  /** It was parsed from bytes, and nobody else has it. */
  readonly owned?: boolean;
}

/** Parses a JSON, YAML or protobuf body of the type with that OpenAPI name; one from the same process needs no parsing. @throws StatusError BadRequest, UnsupportedMediaType */
export function parseDocument(
  request: Pick<ApiRequest, "body" | "contentType">,
  validation: FieldValidation,
  schema: string,
): Document {
  const { body } = request;
  if (body === undefined) return { value: undefined, duplicates: [] };
  if (!(body instanceof Uint8Array)) return { value: body, duplicates: [] };
  const mediaType = (request.contentType.split(";")[0] ?? "").trim().toLowerCase();
  if (mediaType === protobufMediaType) return { value: parseProtobuf(body, schema), duplicates: [] };
  const text = decodeUtf8(body);
  if (mediaType === "application/yaml") return { value: parseYaml(text), duplicates: [] };
  if (mediaType !== "" && mediaType !== "application/json") {
    const known = `application/json, application/yaml, ${protobufMediaType}`;
    throw new StatusError(
      "UnsupportedMediaType",
      `the body of the request was in an unknown format - accepted media types include: ${known}`,
    );
  }
  const value = parseJson(text);
  return { value, duplicates: validation === "Ignore" ? [] : duplicateFields(text), owned: true };
}

/** `preface` is put before what is wrong with the text. @throws StatusError BadRequest */
export function parseJson(text: string, preface = "couldn't get version/kind; json parse error: "): unknown {
  if (isTooDeep(text)) throw new StatusError("BadRequest", `${preface}${tooDeep}`);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const { message } = error as Error;
    const problem = `${message.charAt(0).toLowerCase()}${message.slice(1)}`;
    throw new StatusError("BadRequest", `${preface}${problem}`, {}, { cause: error });
  }
}

function parseProtobuf(body: Uint8Array, schema: string): unknown {
  try {
    return decodeProtobuf(body, schema);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new StatusError("BadRequest", `the body of the request is not valid protobuf: ${error.message}`, {}, { cause: error });
  }
}

function parseYaml(text: string): unknown {
  try {
    return readYaml(text);
  } catch (error) {
    throw new StatusError(
      "BadRequest",
      `the body of the request is not valid YAML: ${(error as Error).message}`,
      {},
      { cause: error },
    );
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new StatusError("BadRequest", "the body of the request is not valid UTF-8", {}, { cause: error });
  }
}

/** What a document must say about itself, and by which schema it is read. */
export interface DocumentType {
  readonly apiVersion: string;
  readonly kind: string;
  readonly schema: string;
}

export function documentTypeOf(definition: ResourceDefinition): DocumentType {
  const { type, versions } = definition;
  return {
    apiVersion: apiVersionOf(type),
    kind: type.kind,
    schema: versions.find(({ version }) => version === type.version)?.schema ?? "",
  };
}

/**
 * The object in a document, with unknown and duplicate fields refused or warned of as the client asked.
 * @throws StatusError BadRequest
 */
export function objectFrom(
  document: Document,
  expected: DocumentType,
  validation: FieldValidation,
  warn: (text: string) => void,
): KubeObject {
  const { value } = document;
  const { apiVersion, kind } =
    typeof value === "object" && value !== null ? (value as { apiVersion?: unknown; kind?: unknown }) : {};
  if (
    kind !== undefined &&
    kind !== "" &&
    (kind !== expected.kind || (apiVersion !== undefined && apiVersion !== "" && apiVersion !== expected.apiVersion))
  ) {
    const message = `${textOf(kind)} in version ${JSON.stringify(versionOf(apiVersion))} cannot be handled as a ${expected.kind}: ${mismatchText(apiVersion, kind, expected)}`;
    throw new StatusError("BadRequest", message);
  }
  const about = `${expected.kind} in version ${JSON.stringify(versionOf(expected.apiVersion))} cannot be handled as a ${expected.kind}`;
  const { object, problems } = decodeStrictly(document, expected, about);
  if (problems.length > 0 && validation === "Strict") {
    throw new StatusError("BadRequest", `${about}: strict decoding error: ${problems.join(", ")}`);
  }
  if (validation === "Warn") for (const problem of problems) warn(problem);
  return object;
}

/** Decodes and collects what only strict validation minds. */
export function decodeStrictly(
  document: Document,
  expected: DocumentType,
  about: string,
  known?: object,
): { object: KubeObject; problems: string[] } {
  try {
    const { value, unknownFields } = decode(expected.schema, document.value, {
      owned: document.owned === true,
      ...(known && { known }),
    });
    const metadata = (value as { metadata?: KubeObject["metadata"] }).metadata ?? {};
    const object: KubeObject = { ...value, apiVersion: expected.apiVersion, kind: expected.kind, metadata };
    const unknown = unknownFields.map((path) => `unknown field "${path}"`);
    return { object, problems: [...document.duplicates.map((path) => `duplicate field "${path}"`), ...unknown] };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new StatusError("BadRequest", `${about}: ${error.message}`, {}, { cause: error });
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function versionOf(apiVersion: unknown): string {
  const text = typeof apiVersion === "string" ? apiVersion : "";
  return text.slice(text.indexOf("/") + 1);
}

function mismatchText(apiVersion: unknown, kind: unknown, expected: DocumentType): string {
  const given = `${typeof apiVersion === "string" ? apiVersion : ""}, Kind=${textOf(kind)}`;
  return `the object provided is of type ${given}, but ${expected.apiVersion}, Kind=${expected.kind} was expected`;
}

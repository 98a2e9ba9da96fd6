import { readFileSync } from "node:fs";
import { join } from "node:path";
import protobuf from "protobufjs/minimal.js";
import { packageRoot } from "#base/package-root";
import { timestamp } from "#base/clock";
import { DecodeError } from "../decode.ts";
import { schemaDefinitions } from "../schema.ts";
import { nullableFields } from "./nullable-fields.ts";

export const protobufMediaType = "application/vnd.kubernetes.protobuf";

/** `k8s` and a zero byte, before the envelope. */
const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

const envelopeMessage = "k8s.io.apimachinery.pkg.runtime.Unknown";

type Fields = Readonly<Record<string, readonly [number: number, type: string]>>;
type Reader = protobuf.Reader;

/**
 * What an object in Kubernetes' protobuf form looks like in JSON: the envelope opened, embedded structs flattened, and Go's zero
 * values left out. `definition` is the OpenAPI name of the expected type. @throws DecodeError
 */
export function decodeProtobuf(bytes: Uint8Array, definition: string): Record<string, unknown> {
  if (!magic.equals(bytes.subarray(0, magic.length)))
    throw new DecodeError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  try {
    const envelope = readMessage(protobuf.Reader.create(bytes.subarray(magic.length)), envelopeMessage, undefined);
    const { typeMeta, raw } = envelope as { typeMeta?: { apiVersion?: string; kind?: string }; raw?: string };
    const object = readMessage(protobuf.Reader.create(Buffer.from(raw ?? "", "base64")), messageName(definition), undefined);
    return { ...object, apiVersion: typeMeta?.apiVersion ?? "", kind: typeMeta?.kind ?? "" };
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError(`proto: ${(error as Error).message}`, { cause: error });
  }
}

let loaded: Readonly<Record<string, Fields>> | undefined;

function messages(): Readonly<Record<string, Fields>> {
  loaded ??= JSON.parse(readFileSync(join(packageRoot, "api/schema/kubernetes-1.36-protobuf.json"), "utf8")) as Record<
    string,
    Fields
  >;
  return loaded;
}

interface NumberedField {
  /** As in JSON. */
  readonly name: string;
  readonly type: string;
  /** An embedded Go struct is a field in protobuf and none in JSON. */
  readonly embedded: boolean;
}

function propertiesOf(message: string): object | undefined {
  return message === envelopeMessage ? undefined : schemaDefinitions()[message.replace(/^k8s\.io\./, "io.k8s.")]?.properties;
}

/** Some names differ from JSON's in their case alone. */
function fieldOf(name: string, type: string, properties: object | undefined): NumberedField {
  if (properties === undefined) return { name, type, embedded: false };
  const found = Object.keys(properties).find((property) => property.toLowerCase() === name.toLowerCase());
  return {
    name: found ?? name,
    type,
    embedded: found === undefined && type.includes(".") && !type.startsWith("repeated ") && !type.startsWith("map<"),
  };
}

const byNumber = new Map<string, ReadonlyMap<number, NumberedField>>();

function fieldsOf(message: string): ReadonlyMap<number, NumberedField> {
  const known = byNumber.get(message);
  if (known !== undefined) return known;
  const fields = messages()[message];
  if (fields === undefined) throw new DecodeError(`no protobuf definition of ${message}`);
  const properties = propertiesOf(message);
  const made = new Map(
    Object.entries(fields).map(([name, [number, type]]) => [number, fieldOf(name, type, properties)] as const),
  );
  byNumber.set(message, made);
  return made;
}

/** Types whose JSON form is not an object of their fields. */
const scalarMessages: Readonly<Record<string, (fields: Record<string, unknown>) => unknown>> = {
  "k8s.io.apimachinery.pkg.api.resource.Quantity": ({ string }) => string ?? "0",
  "k8s.io.apimachinery.pkg.util.intstr.IntOrString": ({ type, intVal, strVal }) => (type === 1 ? (strVal ?? "") : (intVal ?? 0)),
  "k8s.io.apimachinery.pkg.apis.meta.v1.Time": (time) => timeText(time, 0),
  "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": (time) => timeText(time, 6),
  "k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1": ({ Raw }) => parseRaw(Raw),
  "k8s.io.apimachinery.pkg.runtime.RawExtension": ({ raw }) => parseRaw(raw),
  "k8s.io.apimachinery.pkg.apis.meta.v1.Verbs": ({ items }) => items,
};

function readMessage(reader: Reader, message: string, length: number | undefined): Record<string, unknown> {
  const end = length === undefined ? reader.len : reader.pos + length;
  const fields = fieldsOf(message);
  const keepsZero = scalarMessages[message] !== undefined;
  const result: Record<string, unknown> = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = fields.get(tag >>> 3);
    if (field === undefined) {
      reader.skipType(tag & 7);
      continue;
    }
    readField(reader, field, tag & 7, result, keepsZero || nullableFields.has(field.name));
  }
  return result;
}

function readField(
  reader: Reader,
  { name, type, embedded }: NumberedField,
  wireType: number,
  into: Record<string, unknown>,
  keepsZero: boolean,
): void {
  if (type.startsWith("map<")) {
    const [key, value] = readMapEntry(reader, type.slice(4, -1).split(",")[1] ?? "string");
    const map = (into[name] ??= {}) as Record<string, unknown>;
    Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
    return;
  }
  if (type.startsWith("repeated ")) {
    const list = (into[name] ??= []) as unknown[];
    const item = type.slice("repeated ".length);
    // Numbers may come packed, all in one piece.
    if (wireType === 2 && ["int32", "int64", "bool"].includes(item)) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) list.push(readScalar(reader, item));
    } else list.push(readValue(reader, item));
    return;
  }
  const value = readValue(reader, type);
  if (embedded) Object.assign(into, value);
  else if (value !== undefined && (keepsZero || !isZero(value))) into[name] = value;
}

function readMapEntry(reader: Reader, valueType: string): [string, unknown] {
  const end = reader.uint32() + reader.pos;
  let key = "";
  let value: unknown = valueType.includes(".") ? {} : "";
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2) value = readValue(reader, valueType);
    else reader.skipType(tag & 7);
  }
  return [key, value];
}

function readValue(reader: Reader, type: string): unknown {
  if (!type.includes(".")) return readScalar(reader, type);
  const fields = readMessage(reader, type, reader.uint32());
  const special =
    scalarMessages[type] ??
    (type.endsWith(".ExtraValue") ? scalarMessages["k8s.io.apimachinery.pkg.apis.meta.v1.Verbs"] : undefined);
  return special === undefined ? fields : special(fields);
}

function readScalar(reader: Reader, type: string): unknown {
  switch (type) {
    case "string":
      return reader.string();
    case "bytes":
      return Buffer.from(reader.bytes()).toString("base64");
    case "bool":
      return reader.bool();
    case "int32":
      return reader.int32();
    case "int64":
      return Number(reader.int64());
    case "double":
      return reader.double();
    default:
      throw new DecodeError(`no protobuf type ${type}`);
  }
}

function isZero(value: unknown): boolean {
  return value === "" || value === 0 || value === false;
}

function timeText(time: Record<string, unknown>, decimals: 0 | 6): string | undefined {
  if (Object.keys(time).length === 0) return undefined;
  const { seconds = 0, nanos = 0 } = time as { seconds?: number; nanos?: number };
  const whole = timestamp(seconds * 1000);
  return decimals === 0 ? whole : whole.replace("Z", `.${String(Math.floor(nanos / 1000)).padStart(6, "0")}Z`);
}

function parseRaw(base64: unknown): unknown {
  return typeof base64 === "string" && base64 !== ""
    ? (JSON.parse(Buffer.from(base64, "base64").toString()) as unknown)
    : undefined;
}

function messageName(definition: string): string {
  return definition.replace(/^io\.k8s\./, "k8s.io.");
}

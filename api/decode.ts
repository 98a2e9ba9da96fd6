import { canonicalQuantity } from "./quantity.ts";
import { referencedName, schemaDefinitions, type Schema } from "./schema.ts";
import { canonicalTime } from "./time-text.ts";

/** The body has a value of the wrong type; worded as Go's JSON decoder words it, which is what users of upstream know. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

export interface Decoded {
  readonly value: Readonly<Record<string, unknown>>;
  /** Paths of fields the schema does not have, e.g. `spec.containers[0].x`, in the order they appear. */
  readonly unknownFields: readonly string[];
}

export interface DecodeOptions {
  /** Nobody else has the document: what need not change is kept as it is, and the rest is changed in place. */
  readonly owned?: boolean;
  /** Decoded before and part of the document, e.g. an object that was patched: what is the same there is taken over unread. */
  readonly known?: object;
}

/**
 * Decodes a parsed JSON document by the definition of that OpenAPI name into a new object of plain data.
 *
 * null means absent. Unknown fields are dropped and reported. Nothing is defaulted and nothing is required: a schema's defaults
 * are Go's zero values. Numbers stand for quantities and int-or-strings too. @throws DecodeError
 */
export function decode(definition: string, document: unknown, { owned = false, known }: DecodeOptions = {}): Decoded {
  const context: Context = { path: [], struct: "", unknownFields: [], owned };
  const value = definitionDecoder(definition)(document, context, known);
  return { value: value as Record<string, unknown>, unknownFields: context.unknownFields };
}

interface Context {
  /** Field names, keys and list indexes from the root to the value at hand. */
  readonly path: PathPart[];
  /** The Go struct that holds the field at hand, for messages. */
  struct: string;
  readonly unknownFields: string[];
  readonly owned: boolean;
}

/** The name of a field, the index of a list's item, or the key of a map's entry. */
type PathPart = string | number | { readonly key: string };

/** `known`: what was decoded before at this place. */
type Decoder = (value: unknown, context: Context, known?: unknown) => unknown;

const compiled = new Map<string, Decoder>();

/** Types whose Go form reads JSON in its own way. */
const specialDecoders: Readonly<Record<string, Decoder>> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": decodeQuantity,
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": decodeIntOrString,
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": timeDecoder(0),
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": timeDecoder(6),
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": decodeFreeForm,
  "io.k8s.apimachinery.pkg.runtime.RawExtension": decodeFreeForm,
};

function definitionDecoder(name: string): Decoder {
  const known = compiled.get(name) ?? specialDecoders[name];
  if (known !== undefined) return known;
  // Schemas refer to themselves, so the name is taken before its fields are compiled.
  compiled.set(name, (value, context, known) => compiled.get(name)?.(value, context, known));
  const built = compile(schemaDefinitions()[name] ?? {}, name);
  compiled.set(name, built);
  return built;
}

function compile(schema: Schema, name?: string): Decoder {
  const reference = referencedName(schema);
  if (reference !== undefined) return definitionDecoder(reference);
  switch (schema.type) {
    case "object":
      if (schema.properties !== undefined) return structDecoder(name ?? "", schema.properties, schema.required);
      return schema.additionalProperties === undefined ? decodeFreeForm : mapDecoder(schema.additionalProperties);
    case "array":
      return listDecoder(schema);
    case "integer":
      return integerDecoder(schema.format ?? "int64");
    case "number":
      return numberDecoder;
    case "boolean":
      return booleanDecoder;
    case "string":
      if (schema.format === "byte") return decodeBytes;
      return schema.format === "int-or-string" ? decodeIntOrString : stringDecoder;
    default:
      return decodeFreeForm;
  }
}

/** Go leaves an empty list or map out of what it writes, unless it must be there. */
function isLeftOut(value: unknown, schema: Schema | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0 && schema?.type === "array";
  return schema?.additionalProperties !== undefined && isRecord(value) && Object.keys(value).length === 0;
}

function structDecoder(name: string, properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Decoder {
  const struct = name.slice(name.lastIndexOf(".") + 1);
  const typeName = goTypeName(name);
  let fields: Map<string, Decoder> | undefined;
  return (value, context, known) => {
    if (value === known && known !== undefined) return value;
    if (!isRecord(value)) throw mismatch(value, typeName, context);
    fields ??= new Map(Object.entries(properties).map(([field, schema]) => [field, compile(schema)]));
    const outer = context.struct;
    const before = isRecord(known) ? known : undefined;
    const names = Object.keys(value);
    let result: Record<string, unknown> = context.owned ? value : {};
    for (const [index, field] of names.entries()) {
      const fieldDecoder = fields.get(field);
      let decoded: unknown;
      let isKept = false;
      context.path.push(field);
      if (fieldDecoder === undefined) {
        context.unknownFields.push(pathText(context.path));
      } else if (value[field] !== null) {
        context.struct = struct;
        decoded = fieldDecoder(value[field], context, before?.[field]);
        isKept = required.includes(field) || !isLeftOut(decoded, properties[field]);
      }
      context.path.pop();
      if (isKept) {
        if (result !== value || value[field] !== decoded) result[field] = decoded;
      } else if (result === value) {
        // An object that a field is deleted from is slow for the rest of its life.
        result = Object.fromEntries(names.slice(0, index).map((name) => [name, value[name]]));
      }
    }
    context.struct = outer;
    return result;
  };
}

function mapDecoder(schema: Schema): Decoder {
  const item = compile(schema);
  const zero = zeroOf(schema);
  const typeName = `map[string]${goTypeOf(schema)}`;
  return (value, context, known) => {
    if (value === known && known !== undefined) return value;
    if (!isRecord(value)) throw mismatch(value, typeName, context);
    const result: Record<string, unknown> = context.owned ? value : {};
    for (const key of Object.keys(value)) {
      context.path.push({ key });
      const entry = value[key] === null ? zero : item(value[key], context);
      context.path.pop();
      if (result === value && value[key] === entry) continue;
      if (key === "__proto__")
        Object.defineProperty(result, key, { value: entry, enumerable: true, writable: true, configurable: true });
      else result[key] = entry;
    }
    return result;
  };
}

function listDecoder(schema: Schema): Decoder {
  const itemSchema = schema.items ?? {};
  let item: Decoder | undefined;
  return (value, context, known) => {
    if (value === known && known !== undefined) return value;
    if (!Array.isArray(value)) throw mismatch(value, `[]${goTypeOf(itemSchema)}`, context);
    item ??= compile(itemSchema);
    const before: readonly unknown[] = Array.isArray(known) ? known : [];
    const items: unknown[] = context.owned ? value : new Array<unknown>(value.length);
    for (let index = 0; index < value.length; index++) {
      const element: unknown = value[index];
      context.path.push(index);
      const decoded = element === null ? zeroOf(itemSchema) : item(element, context, before[index]);
      context.path.pop();
      if (items !== value || decoded !== element) items[index] = decoded;
    }
    return items;
  };
}

function stringDecoder(value: unknown, context: Context): unknown {
  if (typeof value !== "string") throw mismatch(value, "string", context);
  return value;
}

function booleanDecoder(value: unknown, context: Context): unknown {
  if (typeof value !== "boolean") throw mismatch(value, "bool", context);
  return value;
}

function numberDecoder(value: unknown, context: Context): unknown {
  if (typeof value !== "number" || !Number.isFinite(value)) throw mismatch(value, "float64", context);
  return value;
}

function integerDecoder(format: string): Decoder {
  const limit = format === "int32" ? 2 ** 31 : 2 ** 63;
  return (value, context) => {
    if (typeof value !== "number") throw mismatch(value, format, context);
    if (!Number.isInteger(value) || value >= limit || value < -limit) throw mismatch(value, format, context, String(value));
    return value;
  };
}

const decodeInt32 = integerDecoder("int32");

function decodeQuantity(value: unknown, context: Context): unknown {
  if (typeof value !== "string" && typeof value !== "number") throw mismatch(value, "resource.Quantity", context);
  try {
    return canonicalQuantity(value);
  } catch (error) {
    throw new DecodeError((error as Error).message, { cause: error });
  }
}

function decodeIntOrString(value: unknown, context: Context): unknown {
  return typeof value === "string" ? value : decodeInt32(value, context);
}

function timeDecoder(decimals: 0 | 6): Decoder {
  return (value, context) => {
    if (typeof value !== "string") throw mismatch(value, "string", context);
    if (value === "") return undefined;
    try {
      return canonicalTime(value, decimals);
    } catch (error) {
      throw new DecodeError((error as Error).message, { cause: error });
    }
  };
}

const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodeBytes(value: unknown, context: Context): unknown {
  if (typeof value !== "string") throw mismatch(value, "[]uint8", context);
  const compact = value.replace(/[\r\n]/g, "");
  if (base64Pattern.test(compact)) return compact;
  const firstBad = compact.search(/[^A-Za-z0-9+/]/);
  throw new DecodeError(
    `illegal base64 data at input byte ${firstBad === -1 ? compact.length - (compact.length % 4) : firstBad}`,
  );
}

/** Copies plain data of any shape, so that what is stored shares nothing with what was handed in. */
function decodeFreeForm(value: unknown, context: Context, known?: unknown): unknown {
  if (context.owned || (value === known && known !== undefined)) return value;
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((item) => decodeFreeForm(item, context));
  if (!isRecord(value)) throw mismatch(value, "object", context);
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const entry = decodeFreeForm(value[key], context);
    if (key === "__proto__")
      Object.defineProperty(result, key, { value: entry, enumerable: true, writable: true, configurable: true });
    else result[key] = entry;
  }
  return result;
}

/** Go names the fields on the way, neither the indexes of lists nor the keys of maps. */
function mismatch(value: unknown, goType: string, context: Context, literal?: string): DecodeError {
  const found = `${jsonTypeOf(value)}${literal === undefined ? "" : ` ${literal}`}`;
  const fields = context.path.filter((part) => typeof part === "string").join(".");
  const where = context.struct === "" ? `value of type ${goType}` : `struct field ${context.struct}.${fields} of type ${goType}`;
  return new DecodeError(`json: cannot unmarshal ${found} into Go ${where}`);
}

function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" && Number.isFinite(value)) return "number";
  if (isRecord(value)) return "object";
  return typeof value === "string" ? "string" : String(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function goTypeOf(schema: Schema): string {
  const reference = referencedName(schema);
  if (reference !== undefined) return goTypeName(reference);
  if (schema.type === "integer") return schema.format ?? "int64";
  if (schema.type === "array") return `[]${goTypeOf(schema.items ?? {})}`;
  if (schema.type === "boolean") return "bool";
  return schema.type === "string" ? (schema.format === "byte" ? "[]uint8" : "string") : "interface {}";
}

function goTypeName(name: string): string {
  return name.split(".").slice(-2).join(".");
}

function zeroOf(schema: Schema): unknown {
  if (schema.type === "string") return "";
  if (schema.type === "integer" || schema.type === "number") return 0;
  if (schema.type === "boolean") return false;
  return schema.type === "array" ? [] : {};
}

export function pathText(path: readonly PathPart[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const name = typeof part === "string" ? part : part.key;
    return text === "" ? name : `${text}.${name}`;
  }, "");
}

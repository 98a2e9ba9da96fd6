import { isDeepStrictEqual } from "node:util";
import jsonpatch, { type Operation } from "fast-json-patch";
import { isJsonObject, type Json, type JsonObject } from "./merge-patch.ts";
import type { PatchProblem } from "./strategic-patch-error.ts";

export interface JsonPatchFailure {
  /** `tooLarge`: more operations than one patch may have (413). */
  readonly problem: PatchProblem | "tooLarge";
  readonly message: string;
}

const fields = ["op", "path", "from", "value"];
const goTypeOfOperation = "handlers.jsonPatchOp";

/** Upstream bounds the operations of one patch (endpoints/handlers/patch.go, maxJSONPatchOperations). */
const mostOperations = 10_000;

/** JSON patch (RFC 6902) with the liberties that upstream's library takes. The target is left as it is. */
export function applyJsonPatch(target: Json, patch: Json): { result: Json } | JsonPatchFailure {
  const malformed = whyNoPatch(patch);
  if (malformed !== undefined)
    return { problem: "notAPatch", message: `error decoding patch: json: cannot unmarshal ${malformed}` };
  const operations = patch as readonly JsonObject[];
  if (operations.length > mostOperations) {
    const message = `The allowed maximum operations in a JSON patch is ${mostOperations}, got ${operations.length}`;
    return { problem: "tooLarge", message };
  }
  let document = structuredClone(target);
  for (const operation of operations) {
    const outcome = applyOne(document, operation);
    if ("message" in outcome) return { problem: "doesNotApply", message: outcome.message };
    document = outcome.document;
  }
  return { result: document };
}

/** What strict clients are told of: fields that no operation has. */
export function unknownPatchFields(patch: Json): string[] {
  if (!Array.isArray(patch)) return [];
  return patch.flatMap((operation: Json, index) =>
    isJsonObject(operation)
      ? Object.keys(operation)
          .filter((field) => !fields.includes(field))
          .map((field) => `json patch unknown field "[${index}].${field}"`)
      : [],
  );
}

function whyNoPatch(patch: Json): string | undefined {
  const into = (value: Json, type: string): string => `${jsonKind(value)} into Go ${type}`;
  if (!Array.isArray(patch)) return into(patch, `value of type []${goTypeOfOperation}`);
  for (const operation of patch as readonly Json[]) {
    if (!isJsonObject(operation)) return into(operation, `value of type ${goTypeOfOperation}`);
    for (const field of ["op", "path", "from"]) {
      const value = operation[field] ?? "";
      if (typeof value !== "string") return into(value, `struct field jsonPatchOp.${field} of type string`);
    }
  }
  return undefined;
}

function jsonKind(value: Json): string {
  if (Array.isArray(value)) return "array";
  return value === null ? "null" : typeof value === "boolean" ? "bool" : typeof value;
}

type Outcome = { readonly document: Json } | { readonly message: string };

const missing = "missing value";

function applyOne(document: Json, operation: JsonObject): Outcome {
  const op = typeof operation["op"] === "string" ? operation["op"] : "unknown";
  const { path, from, value } = operation as { path?: string | null; from?: string | null; value?: Json };
  if (!["add", "remove", "replace", "move", "copy", "test"].includes(op)) return { message: `Unexpected kind: ${op}` };
  if ((op === "move" || op === "copy") && typeof from !== "string")
    return { message: `${op} operation failed to decode from: operation, missing from field: ${missing}` };
  if (typeof path !== "string") {
    const why = op === "replace" || op === "test" || op === "move" ? `operation missing path field: ${missing}` : missing;
    return { message: `${op} operation failed to decode path: ${why}` };
  }
  switch (op) {
    case "add":
      return add(
        document,
        path,
        value ?? null,
        `error in add for path: '${path}'`,
        `add operation does not apply: doc is missing path: "${path}"`,
      );
    case "remove":
      return remove(
        document,
        path,
        `error in remove for path: '${path}'`,
        `remove operation does not apply: doc is missing path: "${path}"`,
      );
    case "replace":
      return replace(document, path, value ?? null);
    case "test":
      return test(document, path, value);
    default:
      return transfer(document, op as "move" | "copy", from ?? "", path);
  }
}

function add(document: Json, path: string, value: Json, failed: string, absent: string): Outcome {
  const place = locate(document, path);
  if (place === undefined) return { message: `${absent}: ${missing}` };
  if (!Array.isArray(place.container) || place.key === "-")
    return apply(document, { op: "add", path: place.pointer(place.key), value });
  const index = indexOf(place.key, place.container.length + 1);
  if (typeof index === "string") {
    const why = isNumber(place.key) ? index : `value was not a proper array index: '${place.key}': ${index}`;
    return { message: `${failed}: ${why}` };
  }
  return apply(document, { op: "add", path: place.pointer(String(index)), value });
}

function remove(document: Json, path: string, failed: string, absent: string): Outcome {
  const place = locate(document, path);
  if (place === undefined) return { message: `${absent}: ${missing}` };
  const { container, key } = place;
  if (!Array.isArray(container)) {
    if (!Object.hasOwn(container, key)) return { message: `${failed}: Unable to remove nonexistent key: ${key}: ${missing}` };
    return apply(document, { op: "remove", path: place.pointer(key) });
  }
  const index = indexOf(key, container.length);
  if (typeof index === "string") return { message: `${failed}: ${index}` };
  return apply(document, { op: "remove", path: place.pointer(String(index)) });
}

/** In an object a replacement may also be the first value: so upstream's library has it. */
function replace(document: Json, path: string, value: Json): Outcome {
  if (path === "") {
    if (typeof value === "object" && value !== null) return { document: structuredClone(value) };
    return { message: "replace operation value must be object or array: %!w(<nil>)" };
  }
  const place = locate(document, path);
  if (place === undefined) return { message: `replace operation does not apply: doc is missing path: ${path}: ${missing}` };
  const { container, key } = place;
  if (!Array.isArray(container)) return apply(document, { op: "add", path: place.pointer(key), value });
  const index = indexOf(key, container.length);
  if (typeof index === "string") return { message: `replace operation does not apply: doc is missing key: ${path}: ${missing}` };
  return apply(document, { op: "replace", path: place.pointer(String(index)), value });
}

/** What is absent equals null. */
function test(document: Json, path: string, value: Json | undefined): Outcome {
  const found = path === "" ? { value: document } : read(document, path);
  if (found === undefined) return { message: `test operation does not apply: is missing path: ${path}: ${missing}` };
  if ("message" in found) return { message: `error in test for path: '${path}': ${found.message}` };
  return isDeepStrictEqual(found.value ?? null, value ?? null)
    ? { document }
    : { message: `testing value ${path} failed: test failed` };
}

function transfer(document: Json, op: "move" | "copy", from: string, path: string): Outcome {
  const found = read(document, from);
  if (found === undefined) return { message: `${op} operation does not apply: doc is missing from path: ${from}: ${missing}` };
  const key = locate(document, from)?.key ?? "";
  const failed = op === "move" ? `error in move for path: '${key}'` : `error in copy for from: '${from}'`;
  if ("message" in found) return { message: `${failed}: ${found.message}` };
  const taken = op === "copy" ? { document } : remove(document, from, failed, "");
  if ("message" in taken) return taken;
  const absent = `${op} operation does not apply: doc is missing destination path: ${path}`;
  const added = op === "move" ? `error in move for path: '${path}'` : "error while adding value during copy";
  return add(taken.document, path, structuredClone(found.value ?? null), added, absent);
}

interface Place {
  readonly container: readonly Json[] | JsonObject;
  readonly key: string;
  /** A path that names this place by that key, without liberties. */
  pointer(key: string): string;
}

/** Where the last step of a path leads, if there is something to step from. */
function locate(document: Json, path: string): Place | undefined {
  const parts = path.split("/").map((part) => jsonpatch.unescapePathComponent(part));
  if (parts.length < 2) return undefined;
  let container: Json | undefined = document;
  const taken: string[] = [];
  for (const part of parts.slice(1, -1)) {
    const index: number | string = Array.isArray(container) ? indexOf(part, container.length) : part;
    if (Array.isArray(container)) container = typeof index === "number" ? (container as readonly Json[])[index] : undefined;
    else container = isJsonObject(container) && Object.hasOwn(container, part) ? container[part] : undefined;
    taken.push(String(index));
  }
  if (!Array.isArray(container) && !isJsonObject(container)) return undefined;
  const pointer = (key: string): string => [...taken, key].map((part) => `/${jsonpatch.escapePathComponent(part)}`).join("");
  return { container: container as Place["container"], key: parts.at(-1) ?? "", pointer };
}

function read(document: Json, path: string): { readonly value: Json | undefined } | { readonly message: string } | undefined {
  const place = locate(document, path);
  if (place === undefined) return undefined;
  const { container, key } = place;
  if (!Array.isArray(container)) return { value: Object.hasOwn(container, key) ? (container as JsonObject)[key] : undefined };
  const index = indexOf(key, container.length);
  return typeof index === "string" ? { message: index } : { value: (container as readonly Json[])[index] };
}

function isNumber(text: string): boolean {
  return /^[+-]?[0-9]+$/.test(text);
}

/** Counted from the end when it is negative. @returns why not, when it is none below the limit. */
function indexOf(text: string, limit: number): number | string {
  if (!isNumber(text)) return `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
  const index = Number(text);
  if (index >= limit || index < -limit) return `Unable to access invalid index: ${index}: invalid index referenced`;
  return index < 0 ? index + limit : index;
}

/** The library's own document changes in place, which is a copy already. */
function apply(document: Json, operation: Operation): Outcome {
  try {
    const { newDocument } = jsonpatch.applyOperation(document, structuredClone(operation), false, true, true);
    return { document: newDocument };
  } catch (error) {
    return {
      message: `${operation.op} operation does not apply: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : ""}`,
    };
  }
}

import { isDeepStrictEqual } from "node:util";
import jsonpatch, { type Operation } from "fast-json-patch";
import type { Json } from "./merge-patch.ts";

export interface JsonPatchFailure {
  /** `notAPatch`: the body itself is wrong (400); `doesNotApply`: not to this object (422). */
  readonly problem: "notAPatch" | "doesNotApply";
  readonly message: string;
}

const operations = new Set(["add", "remove", "replace", "move", "copy", "test"]);

/** Upstream bounds the operations of one patch (endpoints/handlers/patch.go, maxJSONPatchOperations). */
const mostOperations = 10_000;

/** JSON patch (RFC 6902). The target is left as it is. */
export function applyJsonPatch(target: Json, patch: Json): { result: Json } | JsonPatchFailure {
  if (!Array.isArray(patch) || !patch.every(isOperation)) {
    return { problem: "notAPatch", message: "a JSON patch is a list of operations, each with an op and a path" };
  }
  if (patch.length > mostOperations) {
    return {
      problem: "notAPatch",
      message: `The allowed maximum operations in a JSON patch is ${mostOperations}, got ${patch.length}`,
    };
  }
  let document: unknown = structuredClone(target);
  for (const operation of patch as unknown as Operation[]) {
    try {
      if (operation.op === "test" && !isDeepStrictEqual(jsonpatch.getValueByPointer(document, operation.path), operation.value)) {
        return { problem: "doesNotApply", message: `testing value ${operation.path} failed: test failed` };
      }
      if (operation.op !== "test")
        document = jsonpatch.applyOperation(document, structuredClone(operation), true, false).newDocument;
    } catch (error) {
      return { problem: "doesNotApply", message: describe(operation, error) };
    }
  }
  return { result: document as Json };
}

function isOperation(candidate: Json): boolean {
  if (typeof candidate !== "object" || candidate === null || Array.isArray(candidate)) return false;
  const { op, path } = candidate as Readonly<Record<string, Json>>;
  return typeof op === "string" && operations.has(op) && typeof path === "string";
}

function describe(operation: Operation, error: unknown): string {
  const name = (error as { name?: unknown }).name;
  const missing = typeof name === "string" && name.includes("UNRESOLVABLE");
  const detail = missing ? "missing value" : error instanceof Error ? (error.message.split("\n")[0] ?? "") : "";
  return `${operation.op} operation does not apply: doc is missing path: "${operation.path}": ${detail}`;
}

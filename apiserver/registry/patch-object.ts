import type { KubeObject } from "#api/object";
import { goText } from "#api/patch/go-text";
import { applyJsonPatch, unknownPatchFields } from "#api/patch/json-patch";
import { applyMergePatch, isJsonObject, type Json } from "#api/patch/merge-patch";
import { applyStrategicMergePatch } from "#api/patch/strategic-merge-patch";
import { StrategicPatchError } from "#api/patch/strategic-patch-error";
import type { ApiRequest } from "#api/request";
import { schemaDefinitions } from "#api/schema";
import { invalid, StatusError } from "#api/status";
import { invalidValue } from "#api/field-error";
import { decodeStrictly, decodeUtf8, parseJson, type DocumentType } from "./read-body.ts";
import type { FieldValidation } from "./request-options.ts";

export type PatchType = "application/json-patch+json" | "application/merge-patch+json" | "application/strategic-merge-patch+json";

const patchTypes: readonly PatchType[] = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
];

/** A patch ready to be applied, any number of times. */
export type ApplyPatch = (current: KubeObject) => KubeObject;

/** @throws StatusError UnsupportedMediaType, BadRequest; the patch itself throws Invalid when its result cannot be decoded. */
export function parsePatch(
  request: Pick<ApiRequest, "body" | "contentType">,
  expected: DocumentType,
  validation: FieldValidation,
  warn: (text: string) => void,
): ApplyPatch {
  const mediaType = (request.contentType.split(";")[0] ?? "").trim().toLowerCase();
  const type = patchTypes.find((candidate) => candidate === mediaType);
  if (type === undefined) {
    const accepted = patchTypes.join(", ");
    throw new StatusError(
      "UnsupportedMediaType",
      `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
    );
  }
  const { body } = request;
  const patch = (body instanceof Uint8Array ? parseJson(decodeUtf8(body), "") : body) as Json | undefined;
  if (patch === undefined) throw new StatusError("BadRequest", "the body of a patch must not be empty");
  if (type !== "application/json-patch+json" && !isJsonObject(patch))
    throw new StatusError("BadRequest", "a merge patch must be an object");
  let warned = false;
  return (current) => {
    const patched = patchDocument(type, current as unknown as Json, patch, expected);
    try {
      const decoded = decodeStrictly({ value: patched, duplicates: [] }, expected, expected.kind, current);
      const { object } = decoded;
      const unknown = type === "application/json-patch+json" ? unknownPatchFields(patch) : [];
      const problems = [...unknown, ...decoded.problems];
      if (problems.length > 0 && validation === "Strict")
        throw doesNotFit(shown(type, patch, patched), `strict decoding error: ${problems.join(", ")}`);
      if (validation === "Warn" && !warned) for (const problem of problems) warn(problem);
      warned = true;
      return { ...object, metadata: keptIdentity(object, current) };
    } catch (error) {
      if (error instanceof StatusError && error.reason === "BadRequest")
        throw doesNotFit(shown(type, patch, patched), error.message.replace(`${expected.kind}: `, ""));
      throw error;
    }
  };
}

/** Only a patch that says so asks for a certain version. */
function keptIdentity(patched: KubeObject, current: KubeObject): KubeObject["metadata"] {
  const { resourceVersion, ...metadata } = patched.metadata;
  return resourceVersion === undefined || resourceVersion === current.metadata.resourceVersion
    ? metadata
    : { ...metadata, resourceVersion };
}

function patchDocument(type: PatchType, current: Json, patch: Json, expected: DocumentType): Json {
  switch (type) {
    case "application/merge-patch+json":
      return applyMergePatch(current, patch);
    case "application/json-patch+json": {
      const outcome = applyJsonPatch(current, patch);
      if ("result" in outcome) return outcome.result;
      if (outcome.problem === "notAPatch") throw new StatusError("BadRequest", outcome.message);
      if (outcome.problem === "tooLarge")
        throw new StatusError("RequestEntityTooLarge", `Request entity too large: ${outcome.message}`);
      throw doesNotApply(outcome.message);
    }
    case "application/strategic-merge-patch+json":
      try {
        if (!isJsonObject(current) || !isJsonObject(patch))
          throw new StrategicPatchError("a strategic merge patch must be an object");
        return applyStrategicMergePatch(current, patch, schemaDefinitions()[expected.schema] ?? {});
      } catch (error) {
        if (!(error instanceof StrategicPatchError)) throw error;
        if (error.problem === "doesNotApply") throw doesNotApply(error.message);
        throw new StatusError("BadRequest", error.message, {}, { cause: error });
      }
  }
}

/** Upstream quotes a strategic patch as Go prints it, and of the others what they make. */
function shown(type: PatchType, patch: Json, patched: Json): string {
  return type === "application/strategic-merge-patch+json" ? goText(patch) : JSON.stringify(patched);
}

function doesNotApply(why: string): StatusError {
  return new StatusError("Invalid", `the server rejected our request due to an error in our request: ${why}`);
}

function doesNotFit(patch: string, problem: string): StatusError {
  return invalid({ group: "", kind: "" }, "", [invalidValue("patch", patch, problem)]);
}

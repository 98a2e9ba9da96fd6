import { forbidden, invalidValue, notSupported, tooLong, type FieldError } from "#api/field-error";
import { isPrintable, longestManager, managerOf } from "#api/managed-fields/managed-fields";
import type { ApiRequest, Verb } from "#api/request";
import { invalid, type StatusError } from "#api/status";

export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** @throws StatusError Invalid */
export function fieldValidationOf({ verb, query }: Pick<ApiRequest, "verb" | "query">): FieldValidation {
  const value = query.get("fieldValidation") ?? "";
  if (value === "") return "Warn";
  if (value === "Ignore" || value === "Warn" || value === "Strict") return value;
  throw invalidOptions(verb, notSupported("fieldValidation", value, ["", "Ignore", "Strict", "Warn"]));
}

/** Whether to do everything but the write. @throws StatusError Invalid */
export function dryRunOf({ verb, query }: Pick<ApiRequest, "verb" | "query">): boolean {
  const values = query.getAll("dryRun").filter((value) => value !== "");
  if (values.some((value) => value !== "All")) throw invalidOptions(verb, notSupported("dryRun", values, ["All"]));
  return values.length > 0;
}

/**
 * The name under which the changes of a write are booked: what the client says, else the program its user agent names.
 * @throws StatusError Invalid
 */
export function fieldManagerOf({ verb, query, userAgent }: Pick<ApiRequest, "verb" | "query" | "userAgent">): string {
  const name = query.get("fieldManager");
  const causes: FieldError[] = [];
  if (name !== null && name.length > longestManager) causes.push(tooLong("fieldManager", longestManager));
  for (const [position, character] of Array.from(name ?? "").entries()) {
    if (isPrintable(character)) continue;
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    causes.push(invalidValue("fieldManager", name, `invalid character U+${code} (at position ${position})`));
  }
  if (verb === "patch" && query.has("force")) causes.push(forbidden("force", "may not be specified for non-apply patch"));
  if (causes.length > 0) throw invalid({ group: "meta.k8s.io", kind: optionKinds[verb] ?? "DeleteOptions" }, "", causes);
  return managerOf(name, userAgent);
}

const optionKinds: Partial<Record<Verb, string>> = { create: "CreateOptions", update: "UpdateOptions", patch: "PatchOptions" };

function invalidOptions(verb: Verb, cause: FieldError): StatusError {
  return invalid({ group: "meta.k8s.io", kind: optionKinds[verb] ?? "DeleteOptions" }, "", [cause]);
}

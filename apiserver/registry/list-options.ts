import { forbidden, notSupported, type FieldError } from "#api/field-error";
import { invalid, StatusError } from "#api/status";

/** What a list or watch says about versions, checked (upstream: apimachinery/pkg/apis/meta/internalversion/validation). */
export interface VersionOptions {
  readonly version: string;
  readonly match: string;
  readonly token: string;
}

/** @throws StatusError Invalid, BadRequest */
export function listOptions(query: URLSearchParams): VersionOptions {
  const options = optionsOf(query);
  const { version, match, token } = options;
  const causes: FieldError[] = [];
  if (match !== "") {
    if (version === "") causes.push(forbidden(field, `${field} is forbidden unless resourceVersion is provided`));
    if (token !== "") causes.push(forbidden(field, `${field} is forbidden when continue is provided`));
    if (match !== "Exact" && match !== "NotOlderThan") causes.push(notSupported(field, match, ["Exact", "NotOlderThan", ""]));
    if (match === "Exact" && version === "0") {
      causes.push(forbidden(field, `${field} "exact" is forbidden for resourceVersion "0"`));
    }
  }
  if (query.has("sendInitialEvents")) causes.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  refuse(causes);
  if (token !== "" && version !== "" && version !== "0") {
    throw new StatusError("BadRequest", "specifying resource version is not allowed when using continue");
  }
  checkVersion(version);
  return options;
}

/** @throws StatusError Invalid, BadRequest */
export function watchOptions(query: URLSearchParams): VersionOptions {
  const options = optionsOf(query);
  const { version, match, token } = options;
  const causes: FieldError[] = [];
  const asked = query.has("sendInitialEvents");
  if (asked && match !== "NotOlderThan") {
    causes.push(forbidden(field, `sendInitialEvents requires setting ${field} to NotOlderThan`));
  }
  if (match !== "") {
    if (!asked) causes.push(forbidden(field, `${field} is forbidden for watch unless sendInitialEvents is provided`));
    if (match !== "NotOlderThan") causes.push(notSupported(field, match, ["NotOlderThan"]));
    if (token !== "") causes.push(forbidden(field, `${field} is forbidden when continue is provided`));
  }
  refuse(causes);
  checkVersion(version);
  return options;
}

const field = "resourceVersionMatch";

function optionsOf(query: URLSearchParams): VersionOptions {
  return { version: query.get("resourceVersion") ?? "", match: query.get(field) ?? "", token: query.get("continue") ?? "" };
}

function refuse(causes: readonly FieldError[]): void {
  if (causes.length > 0) throw invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", causes);
}

/** @throws StatusError BadRequest */
export function checkVersion(version: string): void {
  if (version === "" || isResourceVersion(version)) return;
  throw new StatusError("BadRequest", `Invalid value: "${version}": strconv.ParseUint: parsing "${version}": invalid syntax`);
}

function isResourceVersion(text: string): boolean {
  return /^\d{1,16}$/.test(text);
}

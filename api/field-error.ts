import type { StatusCause } from "./generated/types.ts";

/** Builders for the causes of a 422, worded as upstream's apimachinery/pkg/util/validation/field words them. */
export type FieldError = StatusCause;

export function required(field: string, detail = ""): FieldError {
  return cause("FieldValueRequired", field, "Required value", detail);
}

export function invalidValue(field: string, value: unknown, detail: string): FieldError {
  return cause("FieldValueInvalid", field, `Invalid value: ${valueText(value)}`, detail);
}

/** `supported` is listed as given: upstream sorts most of its choices and not all. */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const choices = supported.map((choice) => JSON.stringify(choice));
  return cause(
    "FieldValueNotSupported",
    field,
    `Unsupported value: ${valueText(value)}`,
    `supported values: ${choices.join(", ")}`,
  );
}

export function forbidden(field: string, detail: string): FieldError {
  return cause("FieldValueForbidden", field, "Forbidden", detail);
}

export function duplicate(field: string, value: unknown, detail = ""): FieldError {
  return cause("FieldValueDuplicate", field, `Duplicate value: ${valueText(value)}`, detail);
}

export function notFoundValue(field: string, value: unknown, detail = ""): FieldError {
  return cause("FieldValueNotFound", field, `Not found: ${valueText(value)}`, detail);
}

export function tooLong(field: string, limit: number): FieldError {
  return cause("FieldValueTooLong", field, "Too long", `may not be more than ${limit} bytes`);
}

export function tooMany(field: string, count: number, limit: number): FieldError {
  return cause("FieldValueTooMany", field, `Too many: ${count}`, `must have at most ${limit} items`);
}

export function immutable(field: string, value: unknown): FieldError {
  return invalidValue(field, value, "field is immutable");
}

function cause(reason: string, field: string, problem: string, detail: string): FieldError {
  return { reason, message: detail === "" ? problem : `${problem}: ${detail}`, field };
}

/** Go prints what is absent as the text "null", quotes and all. */
function valueText(value: unknown): string {
  return JSON.stringify(value ?? "null");
}

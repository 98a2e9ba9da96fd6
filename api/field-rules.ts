import { isIP } from "node:net";
import { invalidValue, notSupported, required, type FieldError } from "./field-error.ts";

/** Rules that many kinds share. Each returns its causes, none when the value is good. */
export function oneOf(field: string, value: string | undefined, choices: readonly string[]): FieldError[] {
  if (value === undefined || value === "") return [required(field)];
  return choices.includes(value) ? [] : [notSupported(field, value, choices)];
}

export function named(field: string, value: string, rule: (name: string) => string[]): FieldError[] {
  return rule(value).map((complaint) => invalidValue(field, value, complaint));
}

export function negative(field: string, value: number): FieldError {
  return invalidValue(field, value, "must be greater than or equal to 0");
}

export function nonNegative(field: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0 ? [negative(field, value)] : [];
}

export function portNumber(field: string, value: number): FieldError[] {
  return value >= 1 && value <= 65535 ? [] : [invalidValue(field, value, "must be between 1 and 65535, inclusive")];
}

export function isIpAddress(text: string): boolean {
  return isIP(text) !== 0;
}

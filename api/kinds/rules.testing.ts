import { expect } from "vitest";
import type { ResourceDefinition } from "../definition.ts";
import type { FieldError } from "../field-error.ts";
import type { KubeObject } from "../object.ts";

/** How upstream's clients find the reason again in the text of a cause. */
const reasons: readonly [words: string, reason: string][] = [
  ["Required value", "FieldValueRequired"],
  ["Invalid value: ", "FieldValueInvalid"],
  ["Unsupported value: ", "FieldValueNotSupported"],
  ["Duplicate value: ", "FieldValueDuplicate"],
  ["Not found: ", "FieldValueNotFound"],
  ["Forbidden: ", "FieldValueForbidden"],
  ["Too long: ", "FieldValueTooLong"],
  ["Too many: ", "FieldValueTooMany"],
];

/** `field: message` of each cause for which an object like this cannot be made, after its defaults. */
export function refusals<T extends KubeObject>(definition: ResourceDefinition<T>, object: T): string[] {
  const whole = definition.withDefaults?.(object) ?? object;
  return [...(definition.validate?.(whole) ?? []), ...(definition.validateCreate?.(whole) ?? [])].map(textOf);
}

/** The same of an update. */
export function updateRefusals<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  next: T,
  old: T,
  subresource?: string,
): string[] {
  const complete = (object: T): T => definition.withDefaults?.(object) ?? object;
  return (definition.validateUpdate?.(complete(next), complete(old), subresource) ?? []).map(textOf);
}

function textOf({ field = "", message = "", reason }: FieldError): string {
  expect(reason).toBe(reasons.find(([words]) => message.startsWith(words))?.[1]);
  return `${field}: ${message}`;
}

import { expect } from "vitest";
import type { ResourceDefinition, ReviewDefinition } from "../definition.ts";
import type { FieldError } from "../field-error.ts";
import { validateMetadata, validateMetadataUpdate } from "../metadata-validation.ts";
import type { KubeObject } from "../object.ts";

/** Examples of one rule of upstream, and where upstream has it: a function, and its file the first time. */
export interface Group<Case> {
  readonly source: string;
  readonly cases: readonly Case[];
}

/** `field: message` of each cause. */
export type Refusals = string | readonly string[];

/** A status, or what another subresource changes, says of which. */
export interface UpdateCase {
  readonly what: string;
  readonly old: object;
  readonly next: object;
  /** Absent: it is let through. */
  readonly refused?: Refusals;
  /** What is then stored, in part. */
  readonly stored?: object;
  readonly subresource?: string;
}

/** The rules of one kind by example. Every kind that can be made has some of each. */
export interface RuleCases {
  readonly definition: ResourceDefinition | ReviewDefinition;
  readonly accepted: readonly Group<readonly [what: string, object: object]>[];
  readonly refused: readonly Group<readonly [object: object, refused: Refusals]>[];
  /** What is given and, in part, what becomes of it before it is stored. */
  readonly defaulted: readonly Group<readonly [what: string, object: object, stored: object]>[];
  readonly updated: readonly Group<UpdateCase>[];
}

export function casesOf<T extends KubeObject>(
  definition: ResourceDefinition<T> | ReviewDefinition<T>,
  cases: Omit<RuleCases, "definition">,
): RuleCases {
  return { definition: definition, ...cases };
}

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

/** As a registry makes it of what a client sent. */
export function created<T extends KubeObject>(definition: ResourceDefinition<T>, object: T): T {
  const whole = definition.withDefaults?.(object) ?? object;
  return definition.prepareForCreate?.(whole) ?? whole;
}

/** `field: message` of each cause for which an object like this cannot be made, after its defaults. */
export function refusals<T extends KubeObject>(definition: ResourceDefinition<T>, object: T): string[] {
  const whole = created(definition, object);
  const { namespace: _, ...metadata } = whole.metadata;
  return [
    ...validateMetadata(metadata, definition.type.namespaced, definition.validateName),
    ...(definition.validate?.(whole) ?? []),
    ...(definition.validateCreate?.(whole) ?? []),
  ].map(textOf);
}

/** As a registry makes it of an update: each side with its defaults. */
export function updated<T extends KubeObject>(definition: ResourceDefinition<T>, next: T, old: T, subresource?: string): T {
  const complete = (object: T): T => definition.withDefaults?.(object) ?? object;
  const before = complete(old);
  return complete(definition.prepareForUpdate?.(next, before, subresource) ?? next);
}

/** What is said against an update. */
export function updateRefusals<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  next: T,
  old: T,
  subresource?: string,
): string[] {
  const before = definition.withDefaults?.(old) ?? old;
  const after = updated(definition, next, old, subresource);
  return [
    ...validateMetadataUpdate(after.metadata, before.metadata),
    ...(definition.validateUpdate?.(after, before, subresource) ?? []),
    ...(subresource === undefined ? (definition.validate?.(after) ?? []) : []),
  ].map(textOf);
}

export function textOf({ field = "", message = "", reason }: FieldError): string {
  expect(reason).toBe(reasons.find(([words]) => message.startsWith(words))?.[1]);
  return `${field}: ${message}`;
}

/**
 * Freezes plain data through and through if it is what would come back from its JSON; a field that is undefined would not.
 * @returns whether it is. What is frozen already is taken to be so inside.
 */
export function freezeIfPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value !== undefined;
  if (Object.isFrozen(value)) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (!freezeIfPlain(item)) return false;
  } else {
    for (const name in value) if (!freezeIfPlain((value as Readonly<Record<string, unknown>>)[name])) return false;
  }
  Object.freeze(value);
  return true;
}

/** Freezes plain data through and through, so that it can be shared. What is frozen already is taken to be so inside. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

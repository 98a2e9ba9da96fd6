import { expect, test } from "vitest";
import { resolveSchema, schemaDefinitions, type Schema } from "../schema.ts";
import { builtInDefinitions } from "./built-in.ts";
import type { KubeObject } from "../object.ts";

/** Everything that a client can say without saying anything: each part is there and empty. */
function emptyParts(schema: Schema, above: readonly Schema[] = []): unknown {
  const resolved = resolveSchema(schema);
  if (above.includes(resolved)) return {};
  const path = [...above, resolved];
  if (resolved.type === "array") {
    const item = emptyParts(resolved.items ?? {}, path);
    return item === undefined ? [] : [item];
  }
  if (resolved.properties === undefined) return resolved.type === "object" ? {} : undefined;
  const parts = Object.entries(resolved.properties).map(([field, part]) => [field, emptyParts(part, path)] as const);
  return Object.fromEntries(parts.filter(([, part]) => part !== undefined));
}

// A schema's `required` is not enforced when an object is read: its rules have to say what is missing.
test.each(builtInDefinitions.map((definition) => [definition.type.kind, definition] as const))(
  "a %s of empty parts is judged like any other",
  (_kind, definition) => {
    const schema = definition.versions[0]?.schema ?? "";
    const parts = emptyParts(schemaDefinitions()[schema] ?? {}) as Partial<KubeObject>;
    const given = { ...parts, metadata: { name: "a" } } as KubeObject;
    const whole = definition.withDefaults?.(given) ?? given;
    const made = definition.prepareForCreate?.(whole) ?? whole;
    expect(Array.isArray(definition.validate?.(made) ?? [])).toBe(true);
    expect(Array.isArray(definition.validateCreate?.(made) ?? [])).toBe(true);
    expect(Array.isArray(definition.warnings?.(made, undefined) ?? [])).toBe(true);
    for (const subresource of [undefined, "status"]) {
      const next = definition.prepareForUpdate?.(whole, whole, subresource) ?? whole;
      expect(Array.isArray(definition.validateUpdate?.(next, whole, subresource) ?? [])).toBe(true);
    }
  },
);

import type { JsonObject } from "#api/patch/merge-patch";
import { goJson } from "../output/go-json.ts";

export const lastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";

/** The object with a note of itself, by which the next apply knows what to take away. */
export function withLastApplied(object: JsonObject): JsonObject {
  const { [lastAppliedAnnotation]: _, ...annotations } = annotationsOf(object);
  const bare = withAnnotations(object, annotations);
  return withAnnotations(object, { ...annotations, [lastAppliedAnnotation]: `${goJson(bare)}\n` });
}

/** What was applied last, if it was applied at all. */
export function lastApplied(object: JsonObject): JsonObject | undefined {
  const text = annotationsOf(object)[lastAppliedAnnotation];
  return text === undefined ? undefined : (JSON.parse(text) as JsonObject);
}

function annotationsOf(object: JsonObject): Readonly<Record<string, string>> {
  const { annotations } = (object["metadata"] ?? {}) as { annotations?: Record<string, string> | null };
  return annotations ?? {};
}

function withAnnotations(object: JsonObject, annotations: Readonly<Record<string, string>>): JsonObject {
  return { ...object, metadata: { ...(object["metadata"] as JsonObject), annotations } };
}

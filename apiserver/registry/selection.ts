import type { ResourceDefinition } from "#api/definition";
import { matchesFields, parseFieldSelector, requiredValue, type FieldSelector } from "#api/field-selector";
import { parseLabelSelector, type LabelSelector } from "#api/label-selector";
import type { KubeObject } from "#api/object";
import { StatusError } from "#api/status";

/** Which objects a list or watch is about. */
export interface Selection {
  readonly namespace: string | undefined;
  /** The one name that can match, if the selector names it. */
  readonly name: string | undefined;
  readonly fields: FieldSelector;
  /** By labels or fields. */
  readonly isNarrowed: boolean;
  matches(object: KubeObject): boolean;
}

/** @throws StatusError BadRequest for a selector that is malformed, or names a field this kind cannot be selected by. */
export function parseSelection(definition: ResourceDefinition, namespace: string | undefined, query: URLSearchParams): Selection {
  const labels = parseLabels(query.get("labelSelector") ?? "");
  const fields = parseFields(definition, query.get("fieldSelector") ?? "");
  const hasFields = fields.requirements.length > 0;
  return {
    namespace,
    name: requiredValue(fields, "metadata.name"),
    fields,
    isNarrowed: labels !== undefined || hasFields,
    matches: (object) =>
      (labels === undefined || labels.matches(object.metadata.labels)) &&
      (!hasFields || matchesFields(fields, fieldsOf(definition, object))),
  };
}

function parseLabels(text: string): LabelSelector | undefined {
  if (text === "") return undefined;
  try {
    return parseLabelSelector(text);
  } catch (error) {
    throw new StatusError("BadRequest", (error as Error).message, {}, { cause: error });
  }
}

function parseFields(definition: ResourceDefinition, text: string): FieldSelector {
  let selector: FieldSelector;
  try {
    selector = parseFieldSelector(text);
  } catch (error) {
    throw new StatusError("BadRequest", (error as Error).message, {}, { cause: error });
  }
  const known = fieldsOf(definition, { metadata: {} }, true);
  const strange = selector.requirements.find(({ field }) => !Object.hasOwn(known, field));
  if (strange !== undefined) throw new StatusError("BadRequest", unknownField(definition, strange.field));
  return selector;
}

/** Upstream words it one way for kinds with fields of their own to select by, another for all others. */
function unknownField(definition: ResourceDefinition, field: string): string {
  return definition.selectableFields === undefined
    ? `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
    : `field label not supported: ${field}`;
}

function fieldsOf(definition: ResourceDefinition, object: KubeObject, isBlank = false): Readonly<Record<string, string>> {
  const { name = "", namespace = "" } = object.metadata;
  const blank = isBlank ? { ...object, involvedObject: {} } : object;
  return {
    "metadata.name": name,
    ...(definition.type.namespaced && { "metadata.namespace": namespace }),
    ...definition.selectableFields?.(blank),
  };
}

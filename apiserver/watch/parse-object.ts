import { knownFieldSet } from "#api/managed-fields/field-set";
import type { KubeObject } from "#api/object";
import { arrayItems, fieldStart, valueEnd } from "./json-walk.ts";

/** Stands in the text for a set of fields that is looked up instead of being parsed. */
const placeholder = "0";

/**
 * Parses an object as it is stored. Half of its bytes say who manages which fields, in the same words as those of a thousand objects
 * like it: these sets are parsed once and shared, which saves most of an object's memory.
 */
export function parseObject(json: Uint8Array): KubeObject {
  const ranges = fieldSets(json);
  if (ranges.length === 0) return JSON.parse(textOf(json, 0, json.length)) as KubeObject;
  let text = "";
  let at = 0;
  for (const { start, end } of ranges) {
    text += textOf(json, at, start) + placeholder;
    at = end;
  }
  const object = JSON.parse(text + textOf(json, at, json.length)) as KubeObject;
  const entries = (object.metadata.managedFields ?? []) as { fieldsV1?: unknown }[];
  for (const { entry, start, end } of ranges) {
    const managed = entries[entry];
    if (managed !== undefined) managed.fieldsV1 = knownFieldSet(textOf(json, start, end));
  }
  return object;
}

/** Where they lie, in order, each with the number of its entry. */
function fieldSets(json: Uint8Array): readonly { readonly entry: number; readonly start: number; readonly end: number }[] {
  const metadata = fieldStart(json, 0, "metadata");
  const list = metadata === undefined ? undefined : fieldStart(json, metadata, "managedFields");
  if (list === undefined) return [];
  return arrayItems(json, list).flatMap((item, entry) => {
    const start = fieldStart(json, item, "fieldsV1");
    return start === undefined ? [] : [{ entry, start, end: valueEnd(json, start) }];
  });
}

function textOf({ buffer, byteOffset }: Uint8Array, start: number, end: number): string {
  return Buffer.from(buffer, byteOffset + start, end - start).toString();
}

import { StorageError, type Revision } from "../storage/storage.ts";
import { fieldStart, isEmptyObject, isObject } from "./json-walk.ts";

/**
 * Writes the stored JSON of an object into `target` from `at` on, with `"resourceVersion":"N"` put in as the first field of its
 * metadata. Nothing is parsed: the top level is walked up to its `metadata`, which stands among the first fields of what the registry
 * writes.
 *
 * @returns the position behind it @throws StorageError Corrupt when there is no metadata object at the top level
 */
export function spliceInto(target: Uint8Array, at: number, stored: Uint8Array, revision: Revision): number {
  const start = metadataStart(stored);
  target.set(stored.subarray(0, start), at);
  const next = writeText(target, at + start, fieldOf(stored, start, revision));
  target.set(stored.subarray(start), next);
  return next + stored.length - start;
}

/** Of what `spliceInto` writes. @throws StorageError Corrupt */
export function splicedLength(stored: Uint8Array, revision: Revision): number {
  return stored.length + fieldOf(stored, metadataStart(stored), revision).length;
}

function fieldOf(stored: Uint8Array, start: number, revision: Revision): string {
  return `"resourceVersion":"${revision}"${isEmptyObject(stored, start) ? "" : ","}`;
}

function writeText(target: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) target[at + index] = text.charCodeAt(index);
  return at + text.length;
}

/** The position behind the `{` of the top level's metadata. */
function metadataStart(json: Uint8Array): number {
  const start = fieldStart(json, 0, "metadata");
  if (start === undefined || !isObject(json, start)) throw new StorageError("Corrupt", "a stored object has no metadata");
  return start + 1;
}

import { StorageError, type Revision } from "../storage/storage.ts";

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
  const isEmpty = stored[skipSpace(stored, start)] === closeBrace;
  return `"resourceVersion":"${revision}"${isEmpty ? "" : ","}`;
}

function writeText(target: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) target[at + index] = text.charCodeAt(index);
  return at + text.length;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const metadata = Buffer.from('"metadata"');

/** The position behind the `{` of the top level's metadata. */
function metadataStart(json: Uint8Array): number {
  let at = skipSpace(json, 0);
  if (json[at] !== openBrace) throw noMetadata();
  at = skipSpace(json, at + 1);
  while (json[at] === quote) {
    const keyStart = at;
    at = stringEnd(json, at);
    const isMetadata = metadata.equals(json.subarray(keyStart, at));
    at = skipSpace(json, at);
    if (json[at] !== colon) throw noMetadata();
    at = skipSpace(json, at + 1);
    if (isMetadata && json[at] === openBrace) return at + 1;
    at = skipSpace(json, valueEnd(json, at));
    if (json[at] === comma) at = skipSpace(json, at + 1);
  }
  throw noMetadata();
}

function valueEnd(json: Uint8Array, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    const byte = json[at];
    if (byte === quote) {
      at = stringEnd(json, at) - 1;
    } else if (byte === openBrace || byte === openBracket) {
      depth++;
    } else if (byte === closeBrace || byte === closeBracket) {
      if (depth === 0) return at;
      depth--;
    } else if (byte === comma && depth === 0) {
      return at;
    }
  }
  throw noMetadata();
}

/** The position behind the closing quote of the string that opens at `start`. */
function stringEnd(json: Uint8Array, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === backslash) at++;
    else if (json[at] === quote) return at + 1;
  }
  throw noMetadata();
}

function skipSpace(json: Uint8Array, start: number): number {
  let at = start;
  while (json[at] === 0x20 || json[at] === 0x0a || json[at] === 0x0d || json[at] === 0x09) at++;
  return at;
}

function noMetadata(): StorageError {
  return new StorageError("Corrupt", "a stored object has no metadata");
}

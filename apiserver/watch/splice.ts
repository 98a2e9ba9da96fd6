import { StorageError, type Revision } from "../storage/storage.ts";

/**
 * The stored JSON of an object with `"resourceVersion":"N"` put in as the first field of its metadata. Nothing is parsed: the top
 * level is walked up to its `metadata`, which stands among the first fields of what the registry writes.
 *
 * @throws StorageError Corrupt when there is no metadata object at the top level
 */
export function withResourceVersion(stored: Uint8Array, revision: Revision): Uint8Array {
  const at = metadataStart(stored);
  const isEmpty = stored[skipSpace(stored, at)] === closeBrace;
  const field = Buffer.from(`"resourceVersion":"${revision}"${isEmpty ? "" : ","}`);
  const spliced = Buffer.allocUnsafe(stored.length + field.length);
  spliced.set(stored.subarray(0, at), 0);
  spliced.set(field, at);
  spliced.set(stored.subarray(at), at + field.length);
  return spliced;
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

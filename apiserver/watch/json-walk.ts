/**
 * Finding one's way in the bytes of a JSON document without parsing it. The document is trusted to be valid: what is not found is
 * undefined, whatever the reason.
 */

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/** Where the value of a field begins. `object` is the position of an object's `{`, or of the space before it. */
export function fieldStart(json: Uint8Array, object: number, name: string): number | undefined {
  let at = skipSpace(json, object);
  if (json[at] !== openBrace) return undefined;
  at = skipSpace(json, at + 1);
  while (json[at] === quote) {
    const key = at;
    at = stringEnd(json, at);
    const isIt = at - key === name.length + 2 && isText(json, key + 1, name);
    at = skipSpace(json, at);
    if (json[at] !== colon) return undefined;
    at = skipSpace(json, at + 1);
    if (isIt) return at;
    at = skipSpace(json, valueEnd(json, at));
    if (json[at] === comma) at = skipSpace(json, at + 1);
  }
  return undefined;
}

/** Where the items of an array begin. */
export function arrayItems(json: Uint8Array, array: number): number[] {
  if (json[array] !== openBracket) return [];
  const items: number[] = [];
  let at = skipSpace(json, array + 1);
  while (at < json.length && json[at] !== closeBracket) {
    items.push(at);
    at = skipSpace(json, valueEnd(json, at));
    if (json[at] === comma) at = skipSpace(json, at + 1);
  }
  return items;
}

/** A string, number or boolean as text, found by the names of the fields that lead to it. */
export function scalarAt(json: Uint8Array, path: readonly string[]): string | undefined {
  const last = path.at(-1) ?? "";
  // Most often it is not there, which is told much faster than where it is.
  if (!Buffer.from(json.buffer, json.byteOffset, json.byteLength).includes(`"${last}"`)) return undefined;
  let at: number | undefined = 0;
  for (const name of path) {
    at = fieldStart(json, at, name);
    if (at === undefined) return undefined;
  }
  const first = json[at];
  if (first === openBrace || first === openBracket) return undefined;
  const text = Buffer.from(json.buffer, json.byteOffset + at, valueEnd(json, at) - at).toString();
  const value = JSON.parse(text) as string | number | boolean | null;
  return value === null ? undefined : String(value);
}

/** Whether the object whose `{` stands before `at` has no fields. */
export function isEmptyObject(json: Uint8Array, at: number): boolean {
  return json[skipSpace(json, at)] === closeBrace;
}

export function isObject(json: Uint8Array, at: number): boolean {
  return json[at] === openBrace;
}

function isText(json: Uint8Array, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) if (json[at + index] !== text.charCodeAt(index)) return false;
  return true;
}

/** The position behind a value, at the comma or bracket that follows it. */
export function valueEnd(json: Uint8Array, start: number): number {
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
  return json.length;
}

/** The position behind the closing quote of the string that opens at `start`. */
function stringEnd(json: Uint8Array, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    if (json[at] === backslash) at++;
    else if (json[at] === quote) return at + 1;
  }
  return json.length;
}

function skipSpace(json: Uint8Array, start: number): number {
  let at = start;
  while (json[at] === 0x20 || json[at] === 0x0a || json[at] === 0x0d || json[at] === 0x09) at++;
  return at;
}

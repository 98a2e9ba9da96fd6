/** What a plain (unquoted) scalar means to kubectl and every Go client: YAML 1.1 as go-yaml reads it. */
export type PlainValue = null | boolean | number | string;

/**
 * Dates, times and everything else that is not in the tables stay text. `isTime` tells those that a writer has to quote all the
 * same, because stricter readers would take them for a time.
 */
export function plainValue(text: string): PlainValue {
  const word = words.get(text);
  if (word !== undefined) return word;
  return integerOf(text) ?? floatOf(text) ?? text;
}

/** Whether the text, written without quotes, would be read back as this text. */
export function isPlainText(text: string): boolean {
  return typeof plainValue(text) === "string" && text !== "<<" && !isTime(text) && !base60.test(text);
}

const words = new Map<string, PlainValue>([
  ...["", "~", "null", "Null", "NULL"].map((text) => [text, null] as const),
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((text) => [text, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((text) => [text, false] as const),
  ...[".nan", ".NaN", ".NAN"].map((text) => [text, NaN] as const),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map((text) => [text, Infinity] as const),
  ...["-.inf", "-.Inf", "-.INF"].map((text) => [text, -Infinity] as const),
]);

const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const time =
  /^\d{4}-\d{1,2}-\d{1,2}(?:(?:[Tt]|[ \t]+)\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d{1,2}(?::?\d{2})?))?)?$/;

function isTime(text: string): boolean {
  return time.test(text);
}

/** A leading 0 means octal, as C and Go have it; underscores group digits. */
function integerOf(text: string): number | undefined {
  if (!/^[-+]?[0-9]/.test(text)) return undefined;
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[-+]/, "").replaceAll("_", "");
  const magnitude = magnitudeOf(digits);
  return magnitude === undefined ? undefined : magnitude === 0 ? 0 : sign * magnitude;
}

function magnitudeOf(digits: string): number | undefined {
  if (/^(?:0|[1-9][0-9]*)$/.test(digits)) return Number(digits);
  if (/^0[xX][0-9a-fA-F]+$/.test(digits) || /^0[bB][01]+$/.test(digits) || /^0[oO][0-7]+$/.test(digits)) return Number(digits);
  return /^0[0-7]+$/.test(digits) ? parseInt(digits, 8) : undefined;
}

function floatOf(text: string): number | undefined {
  const digits = text.replaceAll("_", "");
  const value = /^[-+.0-9]/.test(text) && float.test(digits) ? Number(digits) : undefined;
  // What no number can hold stays text.
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}

const layout = "2006-01-02T15:04:05Z07:00";
const pattern = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/;

/**
 * A time of RFC 3339 as an API server stores it: in UTC, a `Time` cut to whole seconds, a `MicroTime` with six decimals.
 * @throws Error with the words of Go's time.Parse.
 */
export function canonicalTime(text: string, decimals: 0 | 6): string {
  const match = pattern.exec(text);
  if (match === null)
    throw new Error(`parsing time ${quoted(text)} as ${quoted(layout)}: cannot parse ${quoted(text)} as "2006"`);
  const [, year = "", month = "", day = "", hour = "", minute = "", second = "", fraction = "", zone = ""] = match;
  const outOfRange = firstOutOfRange(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second));
  if (outOfRange !== undefined) throw new Error(`parsing time ${quoted(text)}: ${outOfRange} out of range`);
  const inUtc = zone === "Z" ? text.slice(0, 19) : shifted(`${text.slice(0, 19)}${zone}`, text);
  return decimals === 0 ? `${inUtc}Z` : `${inUtc}.${fraction.slice(0, 6).padEnd(6, "0")}Z`;
}

function shifted(withZone: string, text: string): string {
  const time = Date.parse(withZone);
  if (Number.isNaN(time)) throw new Error(`parsing time ${quoted(text)}: time zone offset out of range`);
  return new Date(time).toISOString().slice(0, 19);
}

function firstOutOfRange(
  ...[year, month, day, hour, minute, second]: [number, number, number, number, number, number]
): string | undefined {
  if (month < 1 || month > 12) return "month";
  if (hour > 23) return "hour";
  if (minute > 59) return "minute";
  if (second > 59) return "second";
  return day < 1 || day > daysIn(year, month) ? "day" : undefined;
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

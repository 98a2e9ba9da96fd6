import { StatusError } from "./status.ts";

/** A boolean of a query as Go's conversion reads it: whatever is there and not `false` or `0` is true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== "false" && value !== "0";
}

/** 0 when it is not there. @throws StatusError BadRequest, as Go's conversion of queries words it. */
export function wholeNumber(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? "";
  if (/^[-+]?\d*$/.test(text)) return Number(text);
  throw new StatusError("BadRequest", `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

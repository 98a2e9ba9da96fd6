import type { IntOrString } from "./generated/types.ts";

/**
 * A number as it is, or that percentage of `total`, rounded as told (upstream: intstr.GetScaledValueFromIntOrPercent).
 *
 * @throws Error with upstream's words when a string is not a percentage.
 */
export function scaledValue(of: IntOrString, total: number, rounding: "up" | "down"): number {
  if (typeof of === "number") return of;
  const scaled = (percentage(of) * total) / 100;
  return rounding === "up" ? Math.ceil(scaled) : Math.floor(scaled);
}

/** Whether it is a whole number followed by one `%`. */
export function isPercentage(of: IntOrString): boolean {
  return typeof of === "string" && /^[0-9]+%$/.test(of);
}

function percentage(text: string): number {
  if (!text.endsWith("%")) throw new Error(`invalid value for IntOrString: invalid type: string is not a percentage`);
  const number = text.slice(0, -1);
  if (/^[-+]?[0-9]+$/.test(number)) return Number(number);
  const quoted = JSON.stringify(number);
  throw new Error(
    `invalid value for IntOrString: invalid value ${JSON.stringify(text)}: strconv.Atoi: parsing ${quoted}: invalid syntax`,
  );
}

import { isIP } from "node:net";
import { invalidValue, notSupported, required, type FieldError } from "./field-error.ts";

/** Rules that many kinds share. Each returns its causes, none when the value is good. */
export function oneOf(field: string, value: string | undefined, choices: readonly string[]): FieldError[] {
  if (value === undefined || value === "") return [required(field)];
  return choices.includes(value) ? [] : [notSupported(field, value, choices)];
}

/** What is absent is empty, as Go has it. */
export function named(field: string, value: string | undefined, rule: (name: string) => string[]): FieldError[] {
  const name = value ?? "";
  return rule(name).map((complaint) => invalidValue(field, name, complaint));
}

export function negative(field: string, value: number): FieldError {
  return invalidValue(field, value, "must be greater than or equal to 0");
}

export function nonNegative(field: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0 ? [negative(field, value)] : [];
}

export function inRange(field: string, value: number | undefined, least: number, most: number): FieldError[] {
  const number = value ?? 0;
  return number >= least && number <= most
    ? []
    : [invalidValue(field, number, `must be between ${least} and ${most}, inclusive`)];
}

export function portNumber(field: string, value: number | undefined): FieldError[] {
  return inRange(field, value, 1, 65535);
}

export function ipAddress(field: string, text = ""): FieldError[] {
  return isIP(text) === 0 ? [invalidValue(field, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")] : [];
}

/** An address that others can reach. */
export function notSpecialAddress(field: string, address: string): FieldError[] {
  const ranges: readonly [pattern: RegExp, detail: string][] = [
    [/^(0\.0\.0\.0|::)$/, `may not be unspecified (${address})`],
    [/^(127\.|::1$)/, "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
    [/^(169\.254\.|fe[89ab])/i, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
    [/^(224\.0\.0\.|ff02:)/i, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
  ];
  return ranges.filter(([pattern]) => pattern.test(address)).map(([, detail]) => invalidValue(field, address, detail));
}

export function cidr(field: string, text: string): FieldError[] {
  const [, address = "", bits = ""] = /^(.*)\/(\d{1,3})$/.exec(text) ?? [];
  const family = isIP(address);
  if (family !== 0 && Number(bits) <= (family === 4 ? 32 : 128)) return [];
  return [invalidValue(field, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")];
}

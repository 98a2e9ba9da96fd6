/**
 * Which suffixes a quantity was written with, and is written with again: `DecimalSI` 12M, `BinarySI` 12Mi, `DecimalExponent` 12e6.
 */
export type QuantityFormat = "DecimalSI" | "BinarySI" | "DecimalExponent";

/**
 * A fixed-point number as k8s.io/apimachinery/pkg/api/resource defines it. Nothing finer than a billionth exists: what is finer was
 * rounded up when it was read, so that who asks for a little gets something.
 */
export interface QuantityValue {
  readonly nanos: bigint;
  readonly format: QuantityFormat;
  /** As it was written, where upstream keeps the writing although it is not the canonical one (`+5`, `1.500`). */
  readonly text?: string;
}

const formatWrong = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const suffixWrong = "unable to parse quantity's suffix";
const numberWrong = "unable to parse numeric part of quantity";

const one = 1_000_000_000n;
const largestBinary = (2n ** 63n - 1n) * one;
/** Bounds the work that one hostile exponent can cause; upstream's own arithmetic wraps far below. */
const largestExponent = 1000;

const decimalSuffixes = new Map([
  ["n", -9],
  ["u", -6],
  ["m", -3],
  ["", 0],
  ["k", 3],
  ["M", 6],
  ["G", 9],
  ["T", 12],
  ["P", 15],
  ["E", 18],
]);
const binarySuffixes = new Map([
  ["Ki", 10],
  ["Mi", 20],
  ["Gi", 30],
  ["Ti", 40],
  ["Pi", 50],
  ["Ei", 60],
]);

/** Clusters are full of the same few: those read lately need not be read again. */
const known = new Map<string, QuantityValue>();
const mostKnown = 4096;
const longestKnown = 32;

/** @throws Error with upstream's words. */
export function parseQuantity(quantity: string | number): QuantityValue {
  const text = String(quantity);
  const found = known.get(text);
  if (found !== undefined) return found;
  const parsed = Object.freeze(parse(text.trim()));
  if (known.size >= mostKnown) known.clear();
  if (text.length <= longestKnown) known.set(text, parsed);
  return parsed;
}

function parse(text: string): QuantityValue {
  if (text === "") throw new Error(formatWrong);
  const match = /^([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/.exec(text);
  if (match === null) throw new Error(formatWrong);
  const [, sign, whole = "", fraction = "", suffix = ""] = match;
  const scale = interpretSuffix(suffix);
  const digits = `${whole === "" ? "0" : whole}${fraction}`;
  const magnitude = toNanos(BigInt(digits), fraction.length, scale);
  const nanos = sign === "-" ? -magnitude : magnitude;
  if (keepsItsWriting(digits, fraction, scale, nanos)) return { nanos, format: scale.format, text };
  const tiny = scale.format === "BinarySI" && magnitude > 0n && magnitude < one;
  return { nanos, format: tiny ? "DecimalSI" : scale.format };
}

/** The form an API server stores: no fraction, the largest suffix that loses nothing. */
function formatQuantity(quantity: QuantityValue): string {
  const { nanos, format, text } = quantity;
  if (nanos === 0n) return "0";
  if (text !== undefined) return text;
  const binary = format === "BinarySI" && nanos % one === 0n && absolute(nanos) >= 1024n * one;
  return binary ? formatBinary(nanos / one) : formatDecimal(nanos, format);
}

/** @throws Error as parseQuantity. */
export function canonicalQuantity(quantity: string | number): string {
  return formatQuantity(parseQuantity(quantity));
}

/** Negative, zero or positive, as `sort` wants it. */
export function compareQuantities(left: QuantityValue, right: QuantityValue): number {
  return left.nanos < right.nanos ? -1 : left.nanos > right.nanos ? 1 : 0;
}

/** In the format of `left`, unless that is zero. */
export function addQuantities(left: QuantityValue, right: QuantityValue): QuantityValue {
  return { nanos: left.nanos + right.nanos, format: left.nanos === 0n ? right.format : left.format };
}

/** In the format of `left`, unless that is zero. */
export function subtractQuantities(left: QuantityValue, right: QuantityValue): QuantityValue {
  return { nanos: left.nanos - right.nanos, format: left.nanos === 0n ? right.format : left.format };
}

/** In whole units, rounded away from zero. Exact up to 2^53. */
export function value(quantity: QuantityValue): number {
  return Number(divideRoundingUp(quantity.nanos, one));
}

/** In thousandths, rounded away from zero. Exact up to 2^53. */
export function milliValue(quantity: QuantityValue): number {
  return Number(divideRoundingUp(quantity.nanos, 1_000_000n));
}

interface Scale {
  readonly format: QuantityFormat;
  /** Of ten, or of two for BinarySI. */
  readonly exponent: number;
}

function interpretSuffix(suffix: string): Scale {
  const decimal = decimalSuffixes.get(suffix);
  if (decimal !== undefined) return { format: "DecimalSI", exponent: decimal };
  const binary = binarySuffixes.get(suffix);
  if (binary !== undefined) return { format: "BinarySI", exponent: binary };
  const match = /^[eE]([-+]?[0-9]+)$/.exec(suffix);
  if (match === null) throw new Error(suffixWrong);
  return { format: "DecimalExponent", exponent: Number(match[1]) };
}

function toNanos(mantissa: bigint, decimals: number, { format, exponent }: Scale): bigint {
  if (format === "BinarySI") {
    const nanos = divideRoundingUp(mantissa * 2n ** BigInt(exponent) * one, 10n ** BigInt(decimals));
    return nanos > largestBinary ? largestBinary : nanos;
  }
  const power = exponent - decimals + 9;
  if (mantissa === 0n || power === 0) return mantissa;
  if (power > largestExponent) throw new Error(numberWrong);
  if (power < -largestExponent) return 1n;
  return power > 0 ? mantissa * 10n ** BigInt(power) : divideRoundingUp(mantissa, 10n ** BigInt(-power));
}

/** Upstream's fast path reuses the text it read when a glance says that it might be canonical. */
function keepsItsWriting(digits: string, fraction: string, scale: Scale, nanos: bigint): boolean {
  if (nanos === 0n) return false;
  if (scale.format === "BinarySI") {
    const precise = 14 - digits.length - (scale.exponent * 3) / 10 >= 0;
    return fraction === "" && precise && (BigInt(digits) & 7n) !== 0n;
  }
  const power = scale.exponent - fraction.length;
  const precise = digits.length <= 18 && power >= -9;
  return precise && power % 3 === 0 && !digits.endsWith("000") && !digits.startsWith("0");
}

function formatDecimal(nanos: bigint, format: QuantityFormat): string {
  const largest = format === "DecimalExponent" ? Infinity : 18;
  let [mantissa, exponent] = [nanos, -9];
  while (mantissa % 1000n === 0n && exponent + 3 <= largest) [mantissa, exponent] = [mantissa / 1000n, exponent + 3];
  if (format === "DecimalExponent") return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
  return `${mantissa}${suffixOf(decimalSuffixes, exponent)}`;
}

function formatBinary(whole: bigint): string {
  let [mantissa, exponent] = [whole, 0];
  while (mantissa % 1024n === 0n && exponent < 60) [mantissa, exponent] = [mantissa / 1024n, exponent + 10];
  return `${mantissa}${suffixOf(binarySuffixes, exponent)}`;
}

function suffixOf(suffixes: ReadonlyMap<string, number>, exponent: number): string {
  for (const [suffix, other] of suffixes) if (other === exponent) return suffix;
  return "";
}

function divideRoundingUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  if (dividend % divisor === 0n) return quotient;
  return dividend < 0n ? quotient - 1n : quotient + 1n;
}

function absolute(number: bigint): bigint {
  return number < 0n ? -number : number;
}

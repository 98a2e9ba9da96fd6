/**
 * Orders two versions of the same kind: negative, zero or positive. Since 1.35 the API promises that they are decimal numbers; they
 * may be longer than a JavaScript number is exact.
 */
export function compareResourceVersions(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}

import type { Taint, Toleration } from "./generated/types.ts";

/** Whether any of them tolerates the taint (upstream: corev1.Toleration.ToleratesTaint). */
export function tolerates(tolerations: readonly Toleration[], taint: Taint): boolean {
  return tolerations.some((toleration) => toleratesTaint(toleration, taint));
}

function toleratesTaint({ key = "", effect = "", operator = "Equal", value = "" }: Toleration, taint: Taint): boolean {
  if (effect !== "" && effect !== taint.effect) return false;
  // Without a key it tolerates all keys, which only Exists may say.
  if (key !== "" && key !== taint.key) return false;
  switch (operator) {
    case "":
    case "Equal":
      return value === (taint.value ?? "");
    case "Exists":
      return true;
    case "Gt":
      return compareNumbers(taint.value, value, (tainted, bound) => tainted > bound);
    case "Lt":
      return compareNumbers(taint.value, value, (tainted, bound) => tainted < bound);
    default:
      return false;
  }
}

/**
 * How long, in seconds, taints with NoExecute are borne: not at all if one of them is tolerated by nobody, else as long as the most
 * impatient of the tolerations that are used; Infinity for ever (upstream: pkg/controller/tainteviction).
 */
export function bearsSeconds(tolerations: readonly Toleration[], taints: readonly Taint[]): number {
  let seconds = Infinity;
  for (const taint of taints) {
    const used = tolerations.filter((toleration) => toleratesTaint(toleration, taint));
    if (used.length === 0) return 0;
    for (const { tolerationSeconds } of used) seconds = Math.min(seconds, Math.max(tolerationSeconds ?? Infinity, 0));
  }
  return seconds;
}

function compareNumbers(tainted = "", bound: string, holds: (tainted: bigint, bound: bigint) => boolean): boolean {
  const isInteger = (text: string) => /^(0|-?[1-9][0-9]*)$/.test(text);
  return isInteger(tainted) && isInteger(bound) && holds(BigInt(tainted), BigInt(bound));
}

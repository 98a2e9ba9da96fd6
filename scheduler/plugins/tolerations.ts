import type { Taint, Toleration } from "#api/generated/types";

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

function compareNumbers(tainted = "", bound: string, holds: (tainted: bigint, bound: bigint) => boolean): boolean {
  const isInteger = (text: string) => /^(0|-?[1-9][0-9]*)$/.test(text);
  return isInteger(tainted) && isInteger(bound) && holds(BigInt(tainted), BigInt(bound));
}

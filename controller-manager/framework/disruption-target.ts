import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { timestamp } from "#base/clock";

/** The pod with the condition that says that it is ended from outside, and why. Undefined: it says so already. */
export function disrupted(
  pod: Stored<Pod>,
  { reason, message }: { readonly reason: string; readonly message: string },
  now: number,
): Stored<Pod> | undefined {
  const conditions = pod.status?.conditions ?? [];
  const is = conditions.find(({ type }) => type === "DisruptionTarget");
  if (is?.status === "True" && is.reason === reason) return undefined;
  const condition = { type: "DisruptionTarget", status: "True", reason, message, lastTransitionTime: timestamp(now) };
  return { ...pod, status: { ...pod.status, conditions: [...conditions.filter((other) => other !== is), condition] } };
}

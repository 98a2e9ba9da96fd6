import type { Pod } from "#api/generated/types";

/** Neither finished nor on its way out. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp === undefined;
}

export function isFinished({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

export function isReady(pod: Pod): boolean {
  return readyCondition(pod)?.status === "True";
}

/** Since when, in milliseconds; undefined if it is not ready. */
export function readySince(pod: Pod): number | undefined {
  const condition = readyCondition(pod);
  if (condition?.status !== "True" || condition.lastTransitionTime === undefined) return undefined;
  return Date.parse(condition.lastTransitionTime);
}

/** Ready for long enough. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  if (!isReady(pod)) return false;
  return minReadySeconds === 0 || availableIn(pod, minReadySeconds, now) <= 0;
}

/** Milliseconds until a ready pod is available; negative since it was, infinite while it is not ready. */
export function availableIn(pod: Pod, minReadySeconds: number, now: number): number {
  const since = readySince(pod);
  return since === undefined ? Infinity : since + minReadySeconds * 1000 - now;
}

function readyCondition({ status }: Pod) {
  return status?.conditions?.find((condition) => condition.type === "Ready");
}

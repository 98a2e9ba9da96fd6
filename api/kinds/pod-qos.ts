import type { Container, PodSpec } from "../generated/types.ts";
import { compareQuantities, parseQuantity } from "../quantity.ts";

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** How much a pod may count on what it asked for (upstream: pkg/apis/core/helper/qos). */
export function qosClass(spec: PodSpec): QosClass {
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  if (containers.every((container) => !hasAny(container))) return "BestEffort";
  return containers.every(isGuaranteed) ? "Guaranteed" : "Burstable";
}

const counted = ["cpu", "memory"] as const;

function hasAny(container: Container): boolean {
  return counted.some(
    (resource) => isPositive(container.resources?.requests?.[resource]) || isPositive(container.resources?.limits?.[resource]),
  );
}

function isGuaranteed(container: Container): boolean {
  return counted.every((resource) => {
    const limit = container.resources?.limits?.[resource];
    const request = container.resources?.requests?.[resource] ?? limit;
    return (
      isPositive(limit) &&
      request !== undefined &&
      limit !== undefined &&
      compareQuantities(parseQuantity(request), parseQuantity(limit)) === 0
    );
  });
}

function isPositive(quantity: string | number | undefined): boolean {
  return quantity !== undefined && compareQuantities(parseQuantity(quantity), parseQuantity(0)) > 0;
}

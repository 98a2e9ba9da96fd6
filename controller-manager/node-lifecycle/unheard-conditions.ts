import type { Node, NodeCondition, NodeStatus } from "#api/generated/types";

const watched = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/**
 * The status of a node that is not heard of any more: what it used to say is not known now. Undefined: that is said already
 * (upstream: tryUpdateNodeHealth of pkg/controller/nodelifecycle).
 */
export function unheardStatus({ status = {}, metadata }: Node, now: string): NodeStatus | undefined {
  const conditions = status.conditions ?? [];
  const isKnown = (type: string): boolean => conditions.find((condition) => condition.type === type)?.status !== "Unknown";
  if (!watched.some(isKnown)) return undefined;
  const missing = watched.filter((type) => !conditions.some((condition) => condition.type === type));
  const unheard = conditions.map((condition): NodeCondition => {
    if (!watched.includes(condition.type) || condition.status === "Unknown") return condition;
    return {
      ...condition,
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
      lastTransitionTime: now,
    };
  });
  const never = missing.map((type): NodeCondition => ({
    type,
    status: "Unknown",
    reason: "NodeStatusNeverUpdated",
    message: "Kubelet never posted node status.",
    lastHeartbeatTime: metadata.creationTimestamp ?? now,
    lastTransitionTime: now,
  }));
  return { ...status, conditions: [...unheard, ...never] };
}

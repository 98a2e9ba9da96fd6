import type { ClusterEvent } from "../cluster-event.ts";
import { highestScore, type SchedulerPlugin } from "../plugin.ts";
import type { PodInfo } from "../pod-info.ts";
import { amountsOf, requestsOf } from "../resources.ts";

const scored = ["cpu", "memory"];

/** What a pod requests must be free, and the emptier node is the better one (LeastAllocated). */
export const nodeResourcesFit: SchedulerPlugin = {
  name: "NodeResourcesFit",
  weight: 1,
  wakes: mayHelp,
  prepare: ({ requests, scoredRequests }) => {
    const asked = [...requests].filter(([, amount]) => amount > 0);
    return {
      filter: ({ pods, allocatable, requested }) => {
        const tooMany = pods.size + 1 > (allocatable.get("pods") ?? 0) ? ["Too many pods"] : [];
        const lacking = asked.filter(([name, amount]) => amount > (allocatable.get(name) ?? 0) - (requested.get(name) ?? 0));
        const reasons = [...tooMany, ...lacking.map(([name]) => `Insufficient ${name}`)];
        // An empty node that is too small stays too small.
        const hopeless = lacking.some(([name, amount]) => amount > (allocatable.get(name) ?? 0));
        return reasons.length === 0 ? undefined : { reasons, resolvableByPreemption: !hopeless };
      },
      scoring: () => ({
        score: ({ allocatable, scoredRequested }) => {
          const known = scored.filter((name) => (allocatable.get(name) ?? 0) > 0);
          const free = known.map((name) => {
            const total = allocatable.get(name) ?? 0;
            const left = total - (scoredRequested.get(name) ?? 0) - (scoredRequests.get(name) ?? 0);
            return left < 0 ? 0 : Math.floor((left * highestScore) / total);
          });
          return known.length === 0 ? 0 : Math.floor(free.reduce((sum, score) => sum + score, 0) / known.length);
        },
      }),
    };
  },
};

/** A pod that left, or asks for less, or a node that is large enough when empty. */
function mayHelp({ requests }: PodInfo, event: ClusterEvent): boolean {
  switch (event.type) {
    case "podDeleted":
      return true;
    case "podUpdated": {
      const now = requestsOf(event.pod);
      return [...requestsOf(event.old)].some(([name, amount]) => amount > (now.get(name) ?? 0));
    }
    case "nodeAdded":
    case "nodeUpdated": {
      const allocatable = amountsOf(event.node.status?.allocatable);
      return [...requests].every(([name, amount]) => amount <= (allocatable.get(name) ?? 0));
    }
    default:
      return false;
  }
}

import { highestScore, type SchedulerPlugin } from "../plugin.ts";
import { requestsOf, scoredRequestsOf } from "../resources.ts";

const scored = ["cpu", "memory"];

/** What a pod requests must be free, and the emptier node is the better one (LeastAllocated). */
export const nodeResourcesFit: SchedulerPlugin = {
  name: "NodeResourcesFit",
  weight: 1,
  wakesOn: ["podDeleted", "podUpdated", "nodeAdded", "nodeUpdated"],
  prepare: (pod) => {
    const requests = [...requestsOf(pod)].filter(([, amount]) => amount > 0);
    const forScore = scoredRequestsOf(pod);
    return {
      filter: ({ pods, allocatable, requested }) => {
        const tooMany = pods.size + 1 > (allocatable.get("pods") ?? 0) ? ["Too many pods"] : [];
        const lacking = requests.filter(([name, amount]) => amount > (allocatable.get(name) ?? 0) - (requested.get(name) ?? 0));
        const reasons = [...tooMany, ...lacking.map(([name]) => `Insufficient ${name}`)];
        // An empty node that is too small stays too small.
        const hopeless = lacking.some(([name, amount]) => amount > (allocatable.get(name) ?? 0));
        return reasons.length === 0 ? undefined : { reasons, resolvableByPreemption: !hopeless };
      },
      score: ({ allocatable, scoredRequested }) => {
        const known = scored.filter((name) => (allocatable.get(name) ?? 0) > 0);
        const free = known.map((name) => {
          const total = allocatable.get(name) ?? 0;
          const left = total - (scoredRequested.get(name) ?? 0) - (forScore.get(name) ?? 0);
          return left < 0 ? 0 : Math.floor((left * highestScore) / total);
        });
        return known.length === 0 ? 0 : Math.floor(free.reduce((sum, score) => sum + score, 0) / known.length);
      },
    };
  },
};

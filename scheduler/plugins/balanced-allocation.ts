import { highestScore, type SchedulerPlugin } from "../plugin.ts";
import { requestsOf } from "../resources.ts";

const balanced = ["cpu", "memory"];

/** Prefers nodes where CPU and memory run out together, so that neither is left over without the other. */
export const balancedAllocation: SchedulerPlugin = {
  name: "NodeResourcesBalancedAllocation",
  weight: 1,
  prepare: (pod) => {
    const requests = requestsOf(pod);
    if (balanced.every((name) => (requests.get(name) ?? 0) === 0)) return undefined;
    return {
      score: ({ allocatable, requested }) => {
        const fractions = balanced
          .filter((name) => (allocatable.get(name) ?? 0) > 0)
          .map((name) => Math.min(1, ((requested.get(name) ?? 0) + (requests.get(name) ?? 0)) / (allocatable.get(name) ?? 1)));
        return Math.floor((1 - deviation(fractions)) * highestScore);
      },
    };
  },
};

function deviation(numbers: readonly number[]): number {
  if (numbers.length === 0) return 0;
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  return Math.sqrt(numbers.reduce((sum, number) => sum + (number - mean) ** 2, 0) / numbers.length);
}

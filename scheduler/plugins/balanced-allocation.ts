import { highestScore, type SchedulerPlugin } from "../plugin.ts";

const balanced = ["cpu", "memory"];

/** Prefers nodes where CPU and memory run out together, so that neither is left over without the other. */
export const balancedAllocation: SchedulerPlugin = {
  name: "NodeResourcesBalancedAllocation",
  weight: 1,
  prepare: ({ requests }) => {
    if (balanced.every((name) => (requests.get(name) ?? 0) === 0)) return undefined;
    return {
      scoring: () => ({
        score: ({ allocatable, requested }) => {
          const fractions = balanced
            .filter((name) => (allocatable.get(name) ?? 0) > 0)
            .map((name) => Math.min(1, ((requested.get(name) ?? 0) + (requests.get(name) ?? 0)) / (allocatable.get(name) ?? 1)));
          return Math.trunc((1 - deviation(fractions)) * highestScore);
        },
      }),
    };
  },
};

/** The standard deviation of two numbers. */
function deviation([first, second]: readonly number[]): number {
  return first === undefined || second === undefined ? 0 : Math.abs((first - second) / 2);
}

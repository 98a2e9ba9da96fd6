import { describe, expect, it } from "vitest";
import { crashRounds } from "./faults/crash-rounds.testing.ts";
import { crashSeed, numberFrom } from "./faults/crash-seed.testing.ts";

const rounds = numberFrom("SKIFF_CRASH_ROUNDS") ?? 200;

describe("the embedded store when its process is killed", () => {
  it(
    `has all that anybody was shown and nothing by halves, never goes back, and is held by one process at a time (${rounds} times)`,
    { timeout: rounds * 1_000 },
    async () => {
      const seed = crashSeed();
      const report = await crashRounds({ rounds, seed });
      expect(report.problems, `SKIFF_CRASH_SEED=${seed}`).toEqual([]);
      expect(report.acknowledged).toBeGreaterThan(rounds * 10);
    },
  );
});

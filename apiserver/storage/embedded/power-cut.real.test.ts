import { constants } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { crashRounds, type CrashReport } from "./faults/crash-rounds.testing.ts";
import { crashSeed, numberFrom } from "./faults/crash-seed.testing.ts";
import { FaultyDisk, whyNoFaultyDisk } from "./faults/faulty-disk.testing.ts";

const whyNot = whyNoFaultyDisk();
const rounds = numberFrom("SKIFF_CRASH_ROUNDS") ?? 200;

describe.skipIf(whyNot !== "")(`the embedded store when the power fails${whyNot && ` (${whyNot})`}`, () => {
  let disk: FaultyDisk;

  beforeAll(() => {
    disk = new FaultyDisk();
  });

  afterAll(() => {
    disk.remove();
  });

  it(
    `has all that anybody was shown, whichever sectors the disk has lost of what was not flushed (${rounds} times)`,
    { timeout: rounds * 1_000 },
    async () => {
      const seed = crashSeed();
      // Two stores at a time, for two processors.
      const halves = [seed, seed + 1].map((own) => crashRounds({ rounds: Math.ceil(rounds / 2), seed: own, disk }));
      const reports = await Promise.all(halves);
      expect(
        reports.flatMap(({ problems }) => problems),
        `SKIFF_CRASH_SEED=${seed}`,
      ).toEqual([]);
      const total = (count: (report: CrashReport) => number): number => reports.reduce((sum, report) => sum + count(report), 0);
      expect(total(({ acknowledged }) => acknowledged)).toBeGreaterThan(rounds * 10);
      expect(total(({ unflushed }) => unflushed)).toBeGreaterThan(rounds / 2);
    },
  );

  it.each([
    { what: "flushes fail", fault: "flush", errno: constants.errno.EIO },
    { what: "the last write of a transaction fails", fault: "durable-write", errno: constants.errno.ENOSPC },
    { what: "there is no space", fault: "write", errno: constants.errno.ENOSPC },
  ] as const)(
    "keeps all that anybody was shown when $what before the power does",
    { timeout: 60_000 },
    async ({ fault, errno }) => {
      const seed = crashSeed();
      const report = await crashRounds({ rounds: 14, seed, failing: { fault, errno }, disk });
      expect(report.problems, `SKIFF_CRASH_SEED=${seed}`).toEqual([]);
      expect(report.refused).toBeGreaterThan(0);
    },
  );

  it("can be made where the power failed while it was made", { timeout: 60_000 }, async () => {
    const seed = crashSeed();
    const report = await crashRounds({ rounds: 30, seed, anewEvery: 2, disk });
    expect(report.problems, `SKIFF_CRASH_SEED=${seed}`).toEqual([]);
  });

  it.each(["never flushed", "flushed after the acknowledgement"] as const)(
    "loses writes that are %s, which the death of the process alone does not show",
    async (plant) => {
      const seed = crashSeed();
      expect((await crashRounds({ rounds: 10, seed, plant })).problems).toEqual([]);
      const { problems } = await crashRounds({ rounds: 40, seed, plant, disk });
      expect(problems).not.toEqual([]);
    },
  );
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FaultyDisk, whyNoFaultyDisk } from "#apiserver/storage/embedded/faults/faulty-disk.testing";
import { exerciseEmbedded } from "./in-embedded.ts";
import { expectKept, seedsFrom } from "./seeds.testing.ts";

const whyNot = whyNoFaultyDisk();

describe.skipIf(whyNot !== "")(`the embedded store when the power fails${whyNot && ` (${whyNot})`}`, () => {
  let disk: FaultyDisk;
  let lost = 0;

  beforeAll(() => {
    disk = new FaultyDisk();
  });

  afterAll(() => {
    disk.remove();
  });

  test("has told no client over HTTPS, in an answer or an event, what the disk then lost", { timeout: 3_600_000 }, async () => {
    const losing = {
      environment: (directory: string) => disk.environment(directory),
      cutPower: (directory: string, pid: number, roll: () => number): void => {
        lost += disk.cutPower(directory, pid, roll);
      },
    };
    const seeds = seedsFrom(300, 1);
    for (const seed of seeds) {
      const { history, kills } = await exerciseEmbedded(seed, { disk: losing, operations: 800, clients: 40 });
      expectKept(history, seed);
      expect(kills).toBeGreaterThanOrEqual(3);
    }
    // One time in five it dies between a write and its flush: a few runs are sure to see that.
    if (seeds.length > 3) expect(lost).toBeGreaterThan(0);
  });
});

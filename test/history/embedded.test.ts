import { expect, test } from "vitest";
import { exerciseEmbedded } from "./in-embedded.ts";
import { expectKept, seedsFrom } from "./seeds.testing.ts";

test("the embedded store keeps its promises to clients over HTTPS while its process is killed and its history compacted", async () => {
  for (const seed of seedsFrom(100, 1)) {
    const { history, kills } = await exerciseEmbedded(seed, { operations: 700 });
    expectKept(history, seed);
    expect(kills).toBeGreaterThanOrEqual(3);
    expect(history.operations.some(({ outcome }) => outcome.type === "unknown")).toBe(true);
    expect(history.segments.some(({ from, events }) => from > history.start && events.length > 0)).toBe(true);
  }
}, 3_600_000);

import { expect, test } from "vitest";
import type { History } from "./history.ts";
import { exerciseMemory } from "./in-memory.ts";
import { expectKept, seedsFrom, serviceAccountKey } from "./seeds.testing.ts";

test("the memory store keeps its promises to clients whose answers are lost, watches cut, history compacted and server killed", async () => {
  const key = await serviceAccountKey();
  const happened = { unknown: 0, conflicts: 0, expired: 0, resumed: 0, bookmarked: 0, servers: 0 };
  const seeds = seedsFrom(0, 10);
  for (const seed of seeds) {
    const history = await exerciseMemory({ seed, serviceAccountKey: key, operations: 600 });
    expectKept(history, seed);
    tell(happened, history);
  }
  if (seeds.length > 1) for (const [what, times] of Object.entries(happened)) expect(times, what).toBeGreaterThan(3);
}, 600_000);

/** Promises are kept easily where nothing happens. */
function tell(
  happened: Record<"unknown" | "conflicts" | "expired" | "resumed" | "bookmarked" | "servers", number>,
  history: History,
): void {
  const { operations, segments } = history;
  happened.unknown += operations.filter(({ outcome }) => outcome.type === "unknown").length;
  happened.conflicts += operations.filter(({ outcome }) => outcome.type === "refused" && outcome.reason === "Conflict").length;
  happened.expired += segments.filter(({ expiredAt }) => expiredAt !== undefined).length;
  happened.resumed += segments.filter(({ from, events }) => from > history.start && events.length > 0).length;
  happened.bookmarked += segments.filter(({ bookmarks }) => bookmarks.length > 0).length;
  happened.servers += new Set(operations.map(({ server }) => server)).size;
}

test("a seed leads to the same history", async () => {
  const key = await serviceAccountKey();
  const run = (): Promise<unknown> => exerciseMemory({ seed: 4711, serviceAccountKey: key, operations: 200 });
  expect(await run()).toEqual(await run());
}, 60_000);

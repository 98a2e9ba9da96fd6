import { expect, test } from "vitest";
import { systemClock } from "#base/clock";
import { seededRandom } from "#base/random";
import { exercise, type Disturbed } from "./exercise.ts";
import { FaultyWay } from "./faulty-way.ts";
import type { History } from "./history.ts";
import { HttpsWay } from "./https-way.ts";
import { expectKept, seedsFrom } from "./seeds.testing.ts";
import { ServerProcess } from "./server-process.ts";

const faults = { lost: 0.01, unanswered: 0.01, overtaken: 0.01, slow: 0.02, dropped: 0.01 };

test("the embedded store keeps its promises to clients over HTTPS while its process is killed and its history compacted", async () => {
  for (const seed of seedsFrom(100, 1)) {
    const { history, kills } = await exerciseEmbedded(seed);
    expectKept(history, seed);
    expect(kills).toBeGreaterThan(1);
    expect(history.operations.some(({ outcome }) => outcome.type === "unknown")).toBe(true);
    expect(history.segments.some(({ from, events }) => from > history.start && events.length > 0)).toBe(true);
  }
}, 3_600_000);

async function exerciseEmbedded(seed: number): Promise<{ history: History; kills: number }> {
  const clock = systemClock;
  const random = seededRandom(seed);
  const server = await ServerProcess.start();
  const ways: HttpsWay[] = [];
  let kills = 0;
  const disturb = async (exercised: Disturbed, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(50 + random.float() * 700, signal).catch(() => undefined);
      const version = exercised.seen - Math.floor(random.float() ** 2 * 50);
      if (random.float() < 0.4 && version > 0) {
        exercised.compacting(version);
        await server.compact(version);
      }
      if (random.float() < 0.7) {
        kills++;
        await server.kill();
        await clock.sleep(random.float() ** 2 * 300);
        await server.restart();
      }
    }
  };
  try {
    const wayOf = (): FaultyWay => {
      const way = new HttpsWay(server.credentials, () => server);
      ways.push(way);
      return new FaultyWay({ way, clock, random, faults: () => faults });
    };
    return { history: await exercise({ clock, random, operations: 700, disturb, wayOf }), kills };
  } finally {
    for (const way of ways) way.close();
    await server.remove();
  }
}

import { systemClock } from "#base/clock";
import { seededRandom } from "#base/random";
import { exercise, type Disturbed } from "./exercise.ts";
import { FaultyWay } from "./faulty-way.ts";
import type { History } from "./history.ts";
import { HttpsWay } from "./https-way.ts";
import { ServerProcess, type Disk } from "./server-process.ts";

const faults = { lost: 0.01, unanswered: 0.01, overtaken: 0.01, slow: 0.02, dropped: 0.01 };

/** A server in a process of its own, over HTTPS: killed, its log compacted, and, with a disk that does so, what was not flushed lost. */
export async function exerciseEmbedded(
  seed: number,
  { disk, ...load }: { readonly disk?: Disk; readonly operations: number; readonly clients?: number },
): Promise<{ history: History; kills: number }> {
  const clock = systemClock;
  const random = seededRandom(seed);
  const server = await ServerProcess.start({ random: seededRandom(seed), ...(disk && { disk }) });
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
    return { history: await exercise({ clock, random, ...load, mayStop: () => kills >= 3, disturb, wayOf }), kills };
  } finally {
    for (const way of ways) way.close();
    await server.remove();
  }
}

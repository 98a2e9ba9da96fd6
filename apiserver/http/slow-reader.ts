import type { Clock } from "#base/clock";
import { Cancellation } from "#base/cancellation";

/** Who watches or saves a snapshot and takes nothing for so long is ended. A watcher goes on from the last version it has seen. */
const longestStallMs = 10_000;

const inTime = new Error("it was taken in time");

/** Whether the client takes what was sent before it has stood still for too long. Rejects as `taken` does. */
export async function isTakenInTime(taken: Promise<unknown>, clock: Clock, stallMs = longestStallMs): Promise<boolean> {
  const timer = new Cancellation(inTime);
  const late = clock.sleep(stallMs, timer.signal).then(
    () => false,
    () => true,
  );
  try {
    return await Promise.race([taken.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

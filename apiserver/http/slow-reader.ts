import type { Clock } from "#base/clock";
import { Cancellation } from "#base/cancellation";

/** A watcher that takes nothing for so long is ended. It goes on from the last version it has seen when it comes back. */
const longestStallMs = 10_000;

const inTime = new Error("it was taken in time");

/** Whether the client takes what was sent before it has stood still for too long. Rejects as `taken` does. */
export async function isTakenInTime(taken: Promise<unknown>, clock: Clock): Promise<boolean> {
  const timer = new Cancellation(inTime);
  const late = clock.sleep(longestStallMs, timer.signal).then(
    () => false,
    () => true,
  );
  try {
    return await Promise.race([taken.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

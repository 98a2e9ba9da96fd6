import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Revision, Storage } from "./storage.ts";

/** Clients may read and watch from versions this old (upstream's --etcd-compaction-interval). */
export const historyMs = 5 * 60_000;

/** Compacts, until the signal aborts, so that between five and five and a half minutes of history remain. */
export async function keepHistory(
  storage: Storage,
  { clock, log, signal }: { clock: Clock; log: Logger; signal: AbortSignal },
): Promise<void> {
  const seen: { readonly at: number; readonly revision: Revision }[] = [];
  while (!signal.aborted) {
    try {
      seen.push({ at: clock.monotonic(), revision: await storage.revision() });
      const oldEnough = seen.findLastIndex(({ at }) => clock.monotonic() - at >= historyMs);
      const [last] = oldEnough < 0 ? [] : seen.splice(0, oldEnough + 1).slice(-1);
      if (last !== undefined) await storage.compact(last.revision);
    } catch (error) {
      log.warn("history could not be compacted", { error });
    }
    await clock.sleep(30_000, signal).catch(() => undefined);
  }
}

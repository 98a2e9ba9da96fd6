import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Revision, Storage } from "./storage.ts";

/** Clients may read and watch from versions this old (upstream's --etcd-compaction-interval). */
export const historyMs = 5 * 60_000;

/** What a store can say of its log, so that it is bounded by its size, too. */
export interface HistorySize {
  /** What is left begins behind this revision. */
  readonly floor: () => Revision;
  readonly bytes: () => number;
  readonly mostBytes: number;
}

export interface KeepHistoryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly history?: HistorySize;
}

/**
 * Compacts, until the signal aborts, so that between five and five and a half minutes of history remain; less where that would
 * be too large, but never so little that whoever follows it closely is left behind.
 */
export async function keepHistory(storage: Storage, { clock, log, signal, history }: KeepHistoryOptions): Promise<void> {
  const seen: Seen[] = [];
  while (!signal.aborted) {
    try {
      const now = clock.monotonic();
      const revision = await storage.revision();
      seen.push({ at: now, revision });
      const old = oldEnough(seen, now);
      const large = history === undefined ? 0 : tooLarge(seen, now, measured(history));
      if (large > old) log.info("history is given up early, for its size", { from: revision, upTo: large });
      if (Math.max(old, large) > 0) await storage.compact(Math.max(old, large));
      seen.splice(0, seen.findLastIndex(({ at }) => now - at >= historyMs) + 1);
    } catch (error) {
      log.warn("history could not be compacted", { error });
    }
    await clock.sleep(history === undefined ? 30_000 : 5_000, signal).catch(() => undefined);
  }
}

interface Seen {
  readonly at: number;
  readonly revision: Revision;
}

/** The last revision of what is too old; 0 when nothing is. */
function oldEnough(seen: readonly Seen[], now: number): Revision {
  return seen.findLast(({ at }) => now - at >= historyMs)?.revision ?? 0;
}

/** Watchers and lists in pages that are this close behind are not cut off, however much is written. */
const leastMs = 10_000;
const leastCommits = 1000;

/** Up to where history has to go so that the rest is within its bound, if commits are about equally large; 0 when all may stay. */
export function tooLarge(seen: readonly Seen[], now: number, { floor, bytes, mostBytes }: Measured): Revision {
  const revision = seen.at(-1)?.revision ?? 0;
  const recent = seen.findLast(({ at }) => now - at >= leastMs)?.revision ?? 0;
  if (bytes <= mostBytes) return 0;
  const kept = Math.max(leastCommits, Math.floor(((revision - floor) * mostBytes) / bytes));
  const target = Math.min(revision - kept, recent);
  return target > floor ? target : 0;
}

interface Measured {
  readonly floor: Revision;
  readonly bytes: number;
  readonly mostBytes: number;
}

function measured({ floor, bytes, mostBytes }: HistorySize): Measured {
  return { floor: floor(), bytes: bytes(), mostBytes };
}

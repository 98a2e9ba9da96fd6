import type { Clock } from "#base/clock";
import type { Revision } from "../storage/storage.ts";

const reached = new Error("the revision has been reached");

/** Those who wait for the cache to have seen a revision. */
export class RevisionWaiters {
  readonly #clock: Clock;
  readonly #waiting = new Set<{ readonly revision: Revision; readonly resolve: () => void }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  reached(revision: Revision): void {
    for (const waiter of this.#waiting) if (waiter.revision <= revision) waiter.resolve();
  }

  /** @returns false when the time is up first. Rejects with the signal's reason. */
  async wait(revision: Revision, { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal }): Promise<boolean> {
    signal?.throwIfAborted();
    const done = new AbortController();
    const either = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
    const waiter = { revision, resolve: () => done.abort(reached) };
    this.#waiting.add(waiter);
    try {
      await this.#clock.sleep(timeoutMs, either);
      return false;
    } catch (error) {
      if (!done.signal.aborted) throw error;
      return true;
    } finally {
      this.#waiting.delete(waiter);
    }
  }
}

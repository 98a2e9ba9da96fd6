import { systemClock, type Clock } from "#base/clock";

/** Real time, of which long stretches can be left out: what waits in this process wakes early; an etcd does not notice. */
export class SkippingClock implements Clock {
  #skipped = 0;
  #sleepers = new Set<{ readonly wakesAt: number; readonly wake: AbortController }>();

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic() + this.#skipped;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const sleeper = { wakesAt: this.monotonic() + ms, wake: new AbortController() };
    this.#sleepers.add(sleeper);
    const either = signal === undefined ? sleeper.wake.signal : AbortSignal.any([signal, sleeper.wake.signal]);
    try {
      await systemClock.sleep(ms, either);
    } catch (error) {
      if (!sleeper.wake.signal.aborted) throw error;
    } finally {
      this.#sleepers.delete(sleeper);
    }
  }

  /** Seconds are waited for, because leases live on etcd's time; minutes are left out, half a minute at a time. */
  async advance(ms: number): Promise<void> {
    if (ms < 60_000) return systemClock.sleep(ms);
    for (let left = ms; left > 0; left -= 30_000) {
      this.#skipped += Math.min(left, 30_000);
      for (const { wakesAt, wake } of this.#sleepers) if (wakesAt <= this.monotonic()) wake.abort();
      await systemClock.sleep(50);
    }
  }
}

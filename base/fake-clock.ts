import type { Clock } from "./clock.ts";

interface Sleeper {
  readonly wakesAt: number;
  readonly wake: () => void;
}

/** A clock that moves only when told. Sleepers wake in the order of their times, each at its own time. */
export class FakeClock implements Clock {
  #elapsed = 0;
  #epoch: number;
  #sleepers: Sleeper[] = [];

  constructor(now = Date.parse("2026-01-01T00:00:00Z")) {
    this.#epoch = now;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** How many sleeps are waiting: lets a test know that the code under test has come to rest. */
  get waiting(): number {
    return this.#sleepers.length;
  }

  /** Somebody sets the wall clock, forwards or back: no sleeper notices. */
  jump(ms: number): void {
    this.#epoch += ms;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const aborted = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper: Sleeper = {
        wakesAt: this.#elapsed + Math.max(ms, 0),
        wake: () => {
          signal?.removeEventListener("abort", aborted);
          resolve();
        },
      };
      this.#sleepers.push(sleeper);
      signal?.addEventListener("abort", aborted, { once: true });
    });
  }

  /** Moves time forward, letting everything a sleeper does on waking settle before the next one wakes. */
  async advance(ms: number): Promise<void> {
    const target = this.#elapsed + ms;
    await settle();
    for (;;) {
      const next = this.#sleepers.reduce<Sleeper | undefined>(
        (first, sleeper) =>
          sleeper.wakesAt <= target && (first === undefined || sleeper.wakesAt < first.wakesAt) ? sleeper : first,
        undefined,
      );
      if (next === undefined) break;
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      this.#elapsed = Math.max(this.#elapsed, next.wakesAt);
      next.wake();
      await settle();
    }
    this.#elapsed = target;
  }
}

/** Lets promises, and what they start, come to rest. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

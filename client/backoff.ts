import type { Clock } from "#base/clock";
import type { Random } from "#base/random";

export interface BackoffOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly initialMs: number;
  readonly maxMs: number;
}

/** Waits that double from failure to failure, each stretched by up to its own length so that clients do not come back together. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** @throws the signal's reason. */
  async wait(signal?: AbortSignal): Promise<void> {
    const { clock, random, initialMs, maxMs } = this.#options;
    const delay = Math.min(initialMs * 2 ** this.#failures++, maxMs);
    await clock.sleep(delay * (1 + random.float()), signal);
  }

  reset(): void {
    this.#failures = 0;
  }
}

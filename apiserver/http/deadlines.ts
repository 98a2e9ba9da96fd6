import type { Clock } from "#base/clock";

interface Deadline {
  readonly at: number;
  readonly late: () => void;
}

/** Many deadlines and few timers: those of one length come due in the order in which they were set, so that one sleep serves them all. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #byLength = new Map<number, Set<Deadline>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `late` after `ms`. @returns how to be done before. */
  set(ms: number, late: () => void): () => void {
    const deadline = { at: this.#clock.monotonic() + ms, late };
    const known = this.#byLength.get(ms);
    const deadlines = known ?? new Set();
    deadlines.add(deadline);
    if (known === undefined) {
      this.#byLength.set(ms, deadlines);
      void this.#watch(ms, deadlines);
    }
    return () => void deadlines.delete(deadline);
  }

  async #watch(ms: number, deadlines: Set<Deadline>): Promise<void> {
    for (;;) {
      const [first] = deadlines;
      if (first === undefined) {
        this.#byLength.delete(ms);
        return;
      }
      const left = first.at - this.#clock.monotonic();
      if (left > 0) {
        await this.#clock.sleep(left);
      } else {
        deadlines.delete(first);
        first.late();
      }
    }
  }
}

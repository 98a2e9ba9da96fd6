import type { Clock } from "./clock.ts";

/**
 * Divides long work, so that others in this process get their turn. Who has much to do goes first: work that is merely to be done some
 * time, as filling a cache, goes on when a turn of the event loop was short, or after a few long ones.
 *
 *     for (const item of items) {
 *       take(item);
 *       if (slices.isOver) await slices.next(signal);
 *     }
 */
export class TimeSlices {
  readonly #clock: Clock;
  #began: number;
  #looks = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#began = clock.monotonic();
  }

  /** To be asked after each item; what the clock says is looked at now and then. */
  get isOver(): boolean {
    return ++this.#looks % itemsPerLook === 0 && this.#clock.monotonic() - this.#began >= longestSliceMs;
  }

  /** Rejects with the signal's reason. */
  async next(signal?: AbortSignal): Promise<void> {
    let asked = this.#clock.monotonic();
    for (let turn = 0; turn < mostTurns; turn++) {
      await this.#clock.sleep(0, signal);
      const resumed = this.#clock.monotonic();
      const wasShort = resumed - asked < shortTurnMs;
      asked = resumed;
      if (wasShort) break;
    }
    this.#began = asked;
  }
}

const longestSliceMs = 5;
const itemsPerLook = 16;
const shortTurnMs = 1.5;
const mostTurns = 8;

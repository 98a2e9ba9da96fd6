/** How much is done in one transaction of the work that is in nobody's hurry: as much as takes about ten milliseconds, found by trying. */
export class SliceSize {
  #size = 64;

  get size(): number {
    return this.#size;
  }

  took(ms: number): void {
    if (ms > 2 * targetMs) this.#size = Math.max(smallest, Math.floor(this.#size / 2));
    else if (ms < targetMs) this.#size = Math.min(largest, this.#size * 2);
  }
}

const targetMs = 10;
const smallest = 16;
const largest = 1024;

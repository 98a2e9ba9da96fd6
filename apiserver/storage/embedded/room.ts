import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";

/**
 * Whether the disk has room. A write that found none says so, and until when that holds is judged by what is free: nobody may be
 * writing. A quota is not seen that way, so that the last failure counts for a while whatever is said to be free.
 */
export class Room {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #freeBytes: () => number;
  #lack: { readonly bytes: number; readonly at: number } | undefined;

  constructor({ clock, log, freeBytes }: { clock: Clock; log: Logger; freeBytes: () => number }) {
    this.#clock = clock;
    this.#log = log;
    this.#freeBytes = freeBytes;
  }

  get trouble(): string | undefined {
    if (this.#lack === undefined) return undefined;
    const { bytes, at } = this.#lack;
    const free = this.#freeBytes();
    if (free >= bytes && this.#clock.monotonic() - at >= rememberedMs) return undefined;
    return `there is no space left for the store: ${free} bytes are free on its disk`;
  }

  /** A write of about so many bytes found no room. */
  lacked(bytes: number): void {
    if (this.#lack === undefined)
      this.#log.error("there is no space left for the store; reads go on", { free: this.#freeBytes() });
    // It also needs pages that lead to what is written.
    this.#lack = { bytes: Math.max(2 * bytes, leastBytes), at: this.#clock.monotonic() };
  }

  /** A write of about so many bytes succeeded, perhaps in what was free within the file. */
  had(bytes: () => number): void {
    if (this.#lack === undefined || (2 * bytes() < this.#lack.bytes && this.#freeBytes() < this.#lack.bytes)) return;
    this.#lack = undefined;
    this.#log.info("the store has space again", { free: this.#freeBytes() });
  }
}

const rememberedMs = 5_000;
const leastBytes = 1024 * 1024;

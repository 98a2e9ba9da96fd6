import type { Clock } from "#base/clock";
import type { DumpedEntry, Entry } from "./storage.ts";

/**
 * Which keys expire when. Deadlines are rounded up to whole seconds, so that what was written together goes together.
 */
export class ExpiryQueue {
  readonly #clock: Clock;
  readonly #deadlines = new Map<string, number>();
  readonly #due = new Map<number, Set<string>>();
  /** When it looks again, and how to make it look now. */
  #next = Infinity;
  #interrupt: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces what was set for the key before. */
  set(key: string, afterMs: number): void {
    this.clear(key);
    const deadline = Math.ceil((this.#clock.monotonic() + Math.max(afterMs, 0)) / 1000) * 1000;
    this.#deadlines.set(key, deadline);
    const keys = this.#due.get(deadline);
    if (keys !== undefined) keys.add(key);
    else this.#due.set(deadline, new Set([key]));
    if (deadline < this.#next) this.#interrupt?.();
  }

  clear(key: string): void {
    const deadline = this.#deadlines.get(key);
    if (deadline === undefined) return;
    this.#deadlines.delete(key);
    const keys = this.#due.get(deadline);
    keys?.delete(key);
    if (keys?.size === 0) this.#due.delete(deadline);
  }

  /** By key: the whole seconds that are left, at least 1. */
  secondsLeft(): Map<string, number> {
    const now = this.#clock.monotonic();
    const left = new Map(this.#deadlines);
    for (const [key, deadline] of left) left.set(key, Math.max(1, Math.ceil((deadline - now) / 1000)));
    return left;
  }

  /** Calls `expire` with the keys whose time has come, until the signal aborts. A key it leaves in the queue comes again a second later. */
  async run(signal: AbortSignal, expire: (keys: readonly string[]) => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      const now = this.#clock.monotonic();
      const keys = [...this.#due].filter(([deadline]) => deadline <= now).flatMap(([, due]) => [...due]);
      if (keys.length > 0) {
        await expire(keys);
        for (const key of keys) if ((this.#deadlines.get(key) ?? Infinity) <= now) this.set(key, 1000);
      } else {
        await this.#wait(now, signal);
      }
    }
  }

  async #wait(now: number, signal: AbortSignal): Promise<void> {
    const interrupted = new AbortController();
    this.#interrupt = () => interrupted.abort(sooner);
    const either = AbortSignal.any([signal, interrupted.signal]);
    const wait = this.#due.size === 0 ? longestWait : Math.min(Math.min(...this.#due.keys()) - now, longestWait);
    this.#next = now + wait;
    try {
      await this.#clock.sleep(wait, either);
    } catch (error) {
      if (!either.aborted) throw error;
    } finally {
      this.#interrupt = undefined;
    }
  }
}

export function withSecondsLeft(entry: Entry, seconds: number | undefined): DumpedEntry {
  return seconds === undefined ? entry : { ...entry, expiresAfterSeconds: seconds };
}

const longestWait = 3_600_000;
const sooner = new Error("something expires sooner");

import type { Clock } from "#base/clock";

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** The wait after a key's first failure; each further one doubles it. */
  readonly baseDelayMs?: number;
  readonly maxDelayMs?: number;
}

/**
 * Keys that want attention. Like client-go's work queue:
 * - a key that is added twice before it is taken is taken once;
 * - a key is never with two workers at the same time;
 * - a key that is added while a worker has it comes again once that worker is done;
 * - a key may be added later, or later and later as it keeps failing, each key at its own pace;
 * - after `shutDown` nothing is added any more, but what is there is still handed out.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  /** Waiting to be taken, in order; a subset of `dirty`. */
  #ready: string[] = [];
  /** How many at its front are taken: moving the rest each time would cost a long queue dear. */
  #taken = 0;
  readonly #dirty = new Set<string>();
  readonly #processing = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #delayed = new Map<string, { readonly due: number; readonly cancel: AbortController }>();
  #takers: ((key: string | undefined) => void)[] = [];
  #shuttingDown = false;

  constructor({ clock, baseDelayMs = 5, maxDelayMs = 1_000_000 }: WorkQueueOptions) {
    this.#clock = clock;
    this.#baseDelayMs = baseDelayMs;
    this.#maxDelayMs = maxDelayMs;
  }

  /** Ready to be taken; keys that wait for their time are not counted. */
  get length(): number {
    return this.#ready.length - this.#taken;
  }

  add(key: string): void {
    if (this.#shuttingDown || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (!this.#processing.has(key)) this.#offer(key);
  }

  /** Of several times for one key the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#shuttingDown) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const due = this.#clock.monotonic() + delayMs;
    const earlier = this.#delayed.get(key);
    if (earlier !== undefined && earlier.due <= due) return;
    earlier?.cancel.abort(noMore);
    void this.#addWhenDue(key, due, delayMs);
  }

  /** After a failure: waits longer each time, until `forget`. */
  addRateLimited(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(this.#baseDelayMs * 2 ** failures, this.#maxDelayMs));
  }

  /** How often it has failed since it was last forgotten. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** It went well: the next failure is a first one. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Waits for a key. Whoever takes one owes a `done`. Undefined when the queue has shut down and is empty. */
  take(): Promise<string | undefined> {
    const key = this.#next();
    if (key !== undefined) return Promise.resolve(this.#start(key));
    if (this.#shuttingDown) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (this.#dirty.has(key)) this.#offer(key);
  }

  shutDown(): void {
    this.#shuttingDown = true;
    for (const { cancel } of this.#delayed.values()) cancel.abort(noMore);
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  async #addWhenDue(key: string, due: number, delayMs: number): Promise<void> {
    const cancel = new AbortController();
    this.#delayed.set(key, { due, cancel });
    try {
      await this.#clock.sleep(delayMs, cancel.signal);
    } catch {
      return;
    } finally {
      if (this.#delayed.get(key)?.cancel === cancel) this.#delayed.delete(key);
    }
    this.add(key);
  }

  #offer(key: string): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#ready.push(key);
    else taker(this.#start(key));
  }

  #next(): string | undefined {
    const key = this.#ready[this.#taken];
    if (key === undefined) return undefined;
    this.#taken++;
    if (this.#taken * 2 >= this.#ready.length) {
      this.#ready = this.#ready.slice(this.#taken);
      this.#taken = 0;
    }
    return key;
  }

  #start(key: string): string {
    this.#dirty.delete(key);
    this.#processing.add(key);
    return key;
  }
}

/** One for all: an error of its own for each would cost its stack. */
const noMore = new Error("not to be waited for any more");

import type { Revision } from "./storage.ts";

/** What a log's reader needs to hear of a new record. */
export interface Announcement {
  readonly revision: Revision;
  readonly keys: readonly string[];
  /** What the record is marked with, asked for only when somebody waits for a mark. */
  readonly marks?: () => readonly string[];
}

/** Either the next records of the log, or the revision up to which nothing is missing. */
export type Followed<R> = { readonly record: R } | { readonly progress: Revision };

/** Of those who hear of every record below their prefix. */
const unmarked = "";

/**
 * The readers of one log: each sleeps at its position until something of its prefix happens, somebody asks for progress, or it ends.
 * A record costs those who wait for something else nothing.
 */
export class Followers {
  #revision: Revision;
  /** By prefix and mark. */
  readonly #topics = new Map<string, Map<string, Set<Follower>>>();
  #size = 0;
  #ended: Error | undefined;

  constructor(revision: Revision) {
    this.#revision = revision;
  }

  /** Up to where the log has been announced. */
  get revision(): Revision {
    return this.#revision;
  }

  get size(): number {
    return this.#size;
  }

  /** To be called once the record can be read. */
  announce({ revision, keys, marks }: Announcement): void {
    const before = this.#revision;
    this.#revision = revision;
    for (const [prefix, byMark] of this.#topics) {
      if (!keys.some((key) => key.startsWith(prefix))) continue;
      const all = byMark.get(unmarked);
      if (all !== undefined) for (const follower of all) follower.wake(before);
      if (byMark.size === (all === undefined ? 0 : 1)) continue;
      for (const mark of marks?.() ?? byMark.keys()) {
        const waiting = mark === unmarked ? undefined : byMark.get(mark);
        if (waiting !== undefined) for (const follower of waiting) follower.wake(before);
      }
    }
  }

  /** Nothing happened up to `revision`. */
  advance(revision: Revision): void {
    if (revision > this.#revision) this.announce({ revision, keys: [] });
  }

  requestProgress(): void {
    for (const follower of this.#everybody()) {
      follower.progressWanted = true;
      follower.wake(this.#revision);
    }
  }

  /** Ends every reader with this error, and whoever comes later. */
  end(error: Error): void {
    this.#ended = error;
    for (const follower of this.#everybody()) {
      follower.ended = error;
      follower.wake(this.#revision);
    }
  }

  /**
   * Reads on from `after` for as long as the consumer pulls, rejecting with the signal's reason. `read` gives a few records after a
   * revision and throws when they are gone. With `mark` a record that does not bear it may be left out.
   */
  async *follow<R extends { readonly revision: Revision }>(
    prefix: string,
    after: Revision,
    signal: AbortSignal,
    read: (after: Revision) => readonly R[],
    mark: string = unmarked,
  ): AsyncGenerator<Followed<R>> {
    signal.throwIfAborted();
    if (this.#ended !== undefined) throw this.#ended;
    const follower = new Follower(after);
    const aborted = (): void => follower.wake(after);
    const leave = this.#join(follower, prefix, mark);
    signal.addEventListener("abort", aborted, { once: true });
    try {
      for (;;) {
        throwIfEnded(follower, signal);
        const records = follower.position < this.#revision ? read(follower.position) : [];
        for (const record of records) {
          follower.position = record.revision;
          yield { record };
          throwIfEnded(follower, signal);
        }
        if (records.length > 0) continue;
        follower.position = Math.max(follower.position, this.#revision);
        if (follower.progressWanted && this.#revision >= after) {
          follower.progressWanted = false;
          yield { progress: this.#revision };
        } else {
          await follower.sleep();
        }
      }
    } finally {
      leave();
      signal.removeEventListener("abort", aborted);
    }
  }

  #join(follower: Follower, prefix: string, mark: string): () => void {
    const byMark = this.#topics.get(prefix) ?? new Map<string, Set<Follower>>();
    const followers = byMark.get(mark) ?? new Set();
    this.#topics.set(prefix, byMark);
    byMark.set(mark, followers);
    followers.add(follower);
    this.#size++;
    return () => {
      this.#size--;
      followers.delete(follower);
      if (followers.size === 0 && byMark.get(mark) === followers) byMark.delete(mark);
      if (byMark.size === 0 && this.#topics.get(prefix) === byMark) this.#topics.delete(prefix);
    };
  }

  *#everybody(): Generator<Follower> {
    for (const byMark of this.#topics.values()) for (const followers of byMark.values()) yield* followers;
  }
}

class Follower {
  position: Revision;
  progressWanted = false;
  ended: Error | undefined;
  #woken = false;
  #resolve: (() => void) | undefined;

  constructor(position: Revision) {
    this.position = position;
  }

  /** Whatever happened up to `seen` while it slept was none of its business. */
  wake(seen: Revision): void {
    if (this.#resolve !== undefined && !this.#woken) this.position = Math.max(this.position, seen);
    this.#woken = true;
    this.#resolve?.();
  }

  /** Until woken; at once when it was woken since the last time. */
  async sleep(): Promise<void> {
    if (!this.#woken) await new Promise<void>((resolve) => (this.#resolve = resolve));
    this.#woken = false;
    this.#resolve = undefined;
  }
}

function throwIfEnded(follower: Follower, signal: AbortSignal): void {
  signal.throwIfAborted();
  if (follower.ended !== undefined) throw follower.ended;
}

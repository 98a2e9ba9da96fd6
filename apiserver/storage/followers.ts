import type { Revision } from "./storage.ts";

/** What a log's reader needs to hear of a new record. */
export interface Announcement {
  readonly revision: Revision;
  readonly keys: readonly string[];
}

/** Either the next records of the log, or the revision up to which nothing is missing. */
export type Followed<R> = { readonly record: R } | { readonly progress: Revision };

/** The readers of one log: each sleeps at its position until something of its prefix happens, somebody asks for progress, or it ends. */
export class Followers {
  #revision: Revision;
  readonly #all = new Set<Follower>();

  constructor(revision: Revision) {
    this.#revision = revision;
  }

  /** Up to where the log has been announced. */
  get revision(): Revision {
    return this.#revision;
  }

  get size(): number {
    return this.#all.size;
  }

  /** To be called once the record can be read. Readers of other prefixes are moved along without waking. */
  announce({ revision, keys }: Announcement): void {
    const before = this.#revision;
    this.#revision = revision;
    for (const follower of this.#all) {
      if (keys.some((key) => key.startsWith(follower.prefix))) follower.wake();
      else if (follower.position >= before && follower.position < revision) follower.position = revision;
    }
  }

  /** Nothing happened up to `revision`. */
  advance(revision: Revision): void {
    if (revision > this.#revision) this.announce({ revision, keys: [] });
  }

  requestProgress(): void {
    for (const follower of this.#all) {
      follower.progressWanted = true;
      follower.wake();
    }
  }

  /** Ends every reader with this error. */
  end(error: Error): void {
    for (const follower of this.#all) {
      follower.ended = error;
      follower.wake();
    }
  }

  /**
   * Reads on from `after` for as long as the consumer pulls, rejecting with the signal's reason. `read` gives a few records after a
   * revision and throws when they are gone.
   */
  async *follow<R extends { readonly revision: Revision }>(
    prefix: string,
    after: Revision,
    signal: AbortSignal,
    read: (after: Revision) => readonly R[],
  ): AsyncGenerator<Followed<R>> {
    signal.throwIfAborted();
    const follower = new Follower(prefix, after);
    const aborted = (): void => follower.wake();
    this.#all.add(follower);
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
      this.#all.delete(follower);
      signal.removeEventListener("abort", aborted);
    }
  }
}

class Follower {
  readonly prefix: string;
  position: Revision;
  progressWanted = false;
  ended: Error | undefined;
  #woken = false;
  #resolve: (() => void) | undefined;

  constructor(prefix: string, position: Revision) {
    this.prefix = prefix;
    this.position = position;
  }

  wake(): void {
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

import { ForwardingStorage } from "#apiserver/storage/forwarding-storage.testing";
import {
  hasStorageReason,
  StorageError,
  type Entry,
  type Page,
  type Revision,
  type Storage,
  type WatchBatch,
} from "#apiserver/storage/storage";
import type { Random } from "#base/random";
import type { Rule } from "./check.ts";

/** A store with one thing wrong in it, and the rule that has to notice. */
export interface BrokenStore {
  readonly what: string;
  readonly caughtBy: Rule;
  readonly make: (storage: Storage, random: Random) => Mistaken;
}

/** Right but for one mistake, which it makes now and then. */
export class Mistaken extends ForwardingStorage {
  readonly right: Storage;
  readonly #random: Random;
  /** How often it has gone wrong. */
  mistakes = 0;

  constructor(storage: Storage, random: Random) {
    super(storage);
    this.right = storage;
    this.#random = random;
  }

  /** One time in fifty unless told otherwise, of what the test looks at. */
  goesWrong(key: string, rate = 0.02): boolean {
    if (!isExercised(key) || this.#random.float() >= rate) return false;
    this.mistakes++;
    return true;
  }
}

export const brokenStores: readonly BrokenStore[] = [
  {
    what: "loses an event",
    caughtBy: "a watcher sees each change once, in order",
    make: (storage, random) =>
      new (class extends Mistaken {
        override watch(...args: Parameters<Storage["watch"]>): AsyncIterable<WatchBatch> {
          return changed(super.watch(...args), (batch) => (this.goesWrong(keyOf(batch)) ? [] : [batch]));
        }
      })(storage, random),
  },
  {
    what: "tells an event before the one that came before it",
    caughtBy: "a watcher sees each change once, in order",
    make: (storage, random) =>
      new (class extends Mistaken {
        override watch(...args: Parameters<Storage["watch"]>): AsyncIterable<WatchBatch> {
          let held: WatchBatch | undefined;
          return changed(super.watch(...args), (batch) => {
            if (held === undefined && this.goesWrong(keyOf(batch))) {
              held = batch;
              return [];
            }
            const both = held === undefined ? [batch] : [batch, held];
            held = undefined;
            return both;
          });
        }
      })(storage, random),
  },
  {
    what: "tells an event twice",
    caughtBy: "a watcher sees each change once, in order",
    make: (storage, random) =>
      new (class extends Mistaken {
        override watch(...args: Parameters<Storage["watch"]>): AsyncIterable<WatchBatch> {
          return changed(super.watch(...args), (batch) => (this.goesWrong(keyOf(batch)) ? [batch, batch] : [batch]));
        }
      })(storage, random),
  },
  {
    what: "acknowledges a write that is gone",
    caughtBy: "what was acknowledged is in the log",
    make: (storage, random) =>
      new (class extends Mistaken {
        override async put(...args: Parameters<Storage["put"]>): Promise<Entry> {
          const [key, value, expected] = args;
          const before = (await super.get(key))?.revision ?? 0;
          if (before !== expected || !this.goesWrong(key)) return super.put(...args);
          // As one that comes back with another's state behind a crash: its revision is given away again.
          return { key, value, revision: (await super.revision()) + 1 };
        }
      })(storage, random),
  },
  {
    what: "lets read what was there before",
    caughtBy: "reads of one client never go back",
    make: (storage, random) => new StaleReads(storage, random),
  },
  {
    what: "lets two of one compare-and-swap win",
    caughtBy: "what happened to one key can be put in one order",
    make: (storage, random) =>
      new (class extends Mistaken {
        override async put(...args: Parameters<Storage["put"]>): Promise<Entry> {
          const [key, value, expected, options] = args;
          try {
            return await super.put(...args);
          } catch (error) {
            if (!hasStorageReason(error, "Conflict") || expected === 0) throw error;
            const now = await super.get(key);
            if (now === undefined || !this.goesWrong(key, 1)) throw error;
            return super.put(key, value, now.revision, options);
          }
        }
      })(storage, random),
  },
  {
    what: "mixes two revisions in a list",
    caughtBy: "a list is what there was at its version",
    make: (storage, random) => new MixedLists(storage, random),
  },
];

/** Keeps an event back for a while and says meanwhile that nothing has happened since the one before. */
class StaleReads extends Mistaken {
  #hidden: { readonly revision: Revision; readonly show: () => void } | undefined;
  #askedMeanwhile = 0;

  override async revision(): Promise<Revision> {
    const revision = await super.revision();
    if (this.#hidden === undefined) return revision;
    const shown = this.#hidden.revision - 1;
    if (++this.#askedMeanwhile > 6) this.#hidden.show();
    return shown;
  }

  override async *watch(...args: Parameters<Storage["watch"]>): AsyncGenerator<WatchBatch> {
    for await (const batch of super.watch(...args)) {
      if (!("progress" in batch) && this.#hidden === undefined && this.goesWrong(keyOf(batch))) {
        const { revision } = batch;
        this.#askedMeanwhile = 0;
        await new Promise<void>((show) => (this.#hidden = { revision, show }));
        this.#hidden = undefined;
      }
      yield batch;
    }
  }
}

/** Its log ends now and then, and the list behind it has one entry as it was before. */
class MixedLists extends Mistaken {
  readonly #before = new Map<string, Entry>();

  override async put(...args: Parameters<Storage["put"]>): Promise<Entry> {
    const [key] = args;
    const before = await super.get(key);
    const entry = await super.put(...args);
    if (before !== undefined) this.#before.set(key, before);
    return entry;
  }

  override async list(...args: Parameters<Storage["list"]>): Promise<Page> {
    const page = await super.list(...args);
    let isMixed = false;
    const entries = page.entries.map((entry) => {
      const before = this.#before.get(entry.key);
      if (isMixed || before === undefined || !isExercised(entry.key)) return entry;
      isMixed = true;
      this.mistakes++;
      return before;
    });
    return { ...page, entries };
  }

  override watch(...args: Parameters<Storage["watch"]>): AsyncIterable<WatchBatch> {
    return changed(super.watch(...args), (batch) => {
      if (this.goesWrong(keyOf(batch))) throw new StorageError("Expired", "the log ends here");
      return [batch];
    });
  }
}

const exercised = "/registry/configmaps/history-";

function isExercised(key: string): boolean {
  return key.startsWith(exercised);
}

function keyOf(batch: WatchBatch): string {
  return "changes" in batch ? (batch.changes[0]?.key ?? "") : "";
}

async function* changed(
  batches: AsyncIterable<WatchBatch>,
  change: (batch: WatchBatch) => readonly WatchBatch[],
): AsyncGenerator<WatchBatch> {
  for await (const batch of batches) yield* change(batch);
}

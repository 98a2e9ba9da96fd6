import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import { ChangeLog, future } from "../change-log.ts";
import { checkDeletable, checkExpected } from "../compare-and-swap.ts";
import { ExpiryQueue, withSecondsLeft } from "../expiry-queue.ts";
import { Followers } from "../followers.ts";
import { keepHistory } from "../keep-history.ts";
import { OrderedMap } from "../ordered-map.ts";
import { extendOverlay, rewoundKeys, type Overlay } from "../rewind.ts";
import {
  StorageError,
  type Change,
  type Dump,
  type DumpedEntry,
  type Entry,
  type Page,
  type Revision,
  type Storage,
  type WatchBatch,
} from "../storage.ts";
import { emptyStoreRevision, matching, type Commit } from "../commit.ts";

/** Forgets everything when the process ends. For tests, and the yardstick for the others: every step is visible at once. */
export class MemoryStorage implements Storage {
  readonly #entries = new OrderedMap<Entry>();
  readonly #commits = new ChangeLog<Commit>(emptyStoreRevision, bytesOf);
  readonly #followers = new Followers(emptyStoreRevision);
  readonly #expiries: ExpiryQueue;
  readonly #closed = new AbortController();

  constructor({ clock, log }: { clock: Clock; log: Logger }) {
    this.#expiries = new ExpiryQueue(clock);
    void this.#expiries.run(this.#closed.signal, async (keys) => this.#expire(keys));
    const commits = this.#commits;
    const history = { floor: () => commits.floor, bytes: () => commits.bytes, mostBytes: mostHistoryBytes };
    void keepHistory(this, { clock, log, signal: this.#closed.signal, history });
  }

  async revision(): Promise<Revision> {
    return this.#followers.revision;
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#entries.get(key);
  }

  async list(prefix: string, options: { after?: string; limit?: number; at?: Revision } = {}): Promise<Page> {
    const revision = options.at ?? this.#followers.revision;
    const overlay = this.#overlay(revision);
    const entries: Entry[] = [];
    for (const key of rewoundKeys(this.#entries, overlay, prefix, options.after)) {
      if (entries.length === options.limit) return { entries, revision, more: true };
      const entry = overlay.get(key) ?? this.#entries.get(key);
      if (entry !== undefined) entries.push(entry);
    }
    return { entries, revision, more: false };
  }

  async count(prefix: string): Promise<number> {
    return this.#entries.count(prefix);
  }

  async dump(prefix: string): Promise<Dump> {
    const left = this.#expiries.secondsLeft();
    const entries = this.#entries.values(prefix).map((entry) => withSecondsLeft(entry, left.get(entry.key)));
    return { revision: this.#followers.revision, count: entries.length, pages: inOnePage(entries) };
  }

  async put(key: string, value: Uint8Array, expected: Revision, options: { expiresAfterSeconds?: number } = {}): Promise<Entry> {
    this.#throwIfClosed();
    const previous = this.#entries.get(key);
    checkExpected(key, previous?.revision, expected);
    const entry = { key, value, revision: this.#followers.revision + 1 };
    this.#expiries.clear(key);
    if (options.expiresAfterSeconds !== undefined) this.#expiries.set(key, options.expiresAfterSeconds * 1000);
    this.#entries.set(key, entry);
    this.#commit([{ key, value, ...(previous && { previous }) }]);
    return entry;
  }

  async delete(key: string, expected: Revision): Promise<Revision> {
    this.#throwIfClosed();
    const previous = this.#entries.get(key);
    checkDeletable(key, previous?.revision, expected);
    return this.#remove(key, previous);
  }

  async *watch(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    this.#throwIfClosed();
    this.#commits.after(after, 0);
    for await (const next of this.#followers.follow(prefix, after, signal, (from) => this.#commits.after(from, 256))) {
      if ("progress" in next) yield next;
      else yield* matching(next.record, prefix);
    }
  }

  requestProgress(): void {
    this.#followers.requestProgress();
  }

  async compact(revision: Revision): Promise<void> {
    if (revision > this.#followers.revision) throw future(revision, this.#followers.revision);
    this.#commits.forget(revision);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#followers.end(new StorageError("Unavailable", "the store is closed"));
  }

  #overlay(at: Revision): Overlay<Entry> {
    if (at > this.#followers.revision) throw future(at, this.#followers.revision);
    const overlay: Overlay<Entry> = new Map();
    for (const commit of this.#commits.after(at)) extendOverlay(overlay, commit.changes);
    return overlay;
  }

  /** Each at a revision of its own: who watches and is cut off between two of them could not say otherwise which it has seen. */
  #expire(keys: readonly string[]): void {
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) this.#remove(key, entry);
    }
  }

  #remove(key: string, previous: Entry | undefined): Revision {
    this.#expiries.clear(key);
    this.#entries.delete(key);
    return this.#commit([{ key, ...(previous && { previous }) }]);
  }

  #commit(changes: readonly Change[]): Revision {
    const revision = this.#followers.revision + 1;
    this.#commits.append({ revision, changes });
    this.#followers.announce({ revision, keys: changes.map(({ key }) => key) });
    return revision;
  }

  #throwIfClosed(): void {
    if (this.#closed.signal.aborted) throw new StorageError("Unavailable", "the store is closed");
  }
}

const mostHistoryBytes = 256 * 1024 ** 2;

/** What only the log keeps in memory: the values that were replaced. */
function bytesOf({ changes }: Commit): number {
  return changes.reduce((sum, { previous }) => sum + (previous?.value.length ?? 0), 0);
}

async function* inOnePage(entries: readonly DumpedEntry[]): AsyncGenerator<readonly DumpedEntry[]> {
  if (entries.length > 0) yield entries;
}

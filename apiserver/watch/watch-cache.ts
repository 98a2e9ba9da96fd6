import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import { expired, future } from "../storage/change-log.ts";
import { Followers } from "../storage/followers.ts";
import { historyMs } from "../storage/keep-history.ts";
import { compareKeys } from "../storage/ordered-map.ts";
import { extendOverlay, rewoundCount, rewoundKeys, type Overlay } from "../storage/rewind.ts";
import {
  hasStorageReason,
  StorageError,
  type Change,
  type Dump,
  type Entry,
  type Page,
  type Revision,
  type Storage,
  type WatchBatch,
} from "../storage/storage.ts";
import { CacheState, indexMark, type CachedCommit, type CachedEvent, type IndexPaths } from "./cache-state.ts";
import { CachedObject, type ValueSource } from "./cached-object.ts";
import { RevisionWaiters } from "./revision-waiters.ts";
import { UnseenWrites } from "./unseen-writes.ts";

export interface WatchCacheOptions {
  readonly storage: Storage;
  /** Of one resource, with a slash at its end. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly indexes?: IndexPaths;
  /** The most commits kept for watchers and older lists, however young. */
  readonly historySize?: number;
  /** The most that their objects may take as they are stored. */
  readonly historyBytes?: number;
}

/** Objects that an index of the cache has at one value. */
export interface IndexedValue {
  readonly index: string;
  readonly value: string;
}

/** What a watcher is given: the events of one revision, or word that nothing up to `progress` is missing. */
export type CachedBatch = { readonly events: readonly CachedEvent[] } | { readonly progress: Revision };

/** Some objects in order. */
export interface Walk {
  readonly objects: Iterable<CachedObject>;
  /** How many of all there are come after this key. */
  readonly countAfter: (key: string) => number;
}

/**
 * The objects of one resource, in memory and up to date, with what happened to them lately: one reader of the storage for any
 * number of clients. One write is encoded once for all of them.
 *
 * It is itself a `Storage` for its prefix: reads are answered from here as consistently as there, writes go through.
 */
export class WatchCache implements Storage {
  readonly #storage: Storage;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #indexes: IndexPaths;
  readonly #valueAt: ValueSource | undefined;
  readonly #historySize: number;
  readonly #historyBytes: number;
  readonly #closed = new AbortController();
  #state: CacheState;
  #followers = new Followers(0);
  readonly #waiters: RevisionWaiters;
  readonly #unseen = new UnseenWrites();
  #ready = false;
  #failure: StorageError | undefined;
  readonly #hasFailed = newMoment();
  #progressWanted = false;
  #following: Promise<void> | undefined;

  constructor({
    storage,
    prefix,
    clock,
    log,
    indexes = {},
    historySize = 10_000,
    historyBytes = mostHistoryBytes,
  }: WatchCacheOptions) {
    this.#storage = storage;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#log = log;
    this.#indexes = indexes;
    this.#historySize = historySize;
    this.#historyBytes = historyBytes;
    this.#valueAt = storage.valueAt && ((key, revision) => storage.valueAt?.(key, revision));
    this.#state = new CacheState(0, indexes, this.#valueAt);
    this.#waiters = new RevisionWaiters(clock);
  }

  /** Filled at least once since the start. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Why it cannot be filled, or be brought up to date; consistent reads fail with it. */
  get failure(): StorageError | undefined {
    return this.#failure;
  }

  /** Everything up to this revision has been seen. */
  get current(): Revision {
    return this.#followers.revision;
  }

  /** How many watchers there are. */
  get watchers(): number {
    return this.#followers.size;
  }

  /** How many objects there are. */
  get size(): number {
    return this.#state.objects.size;
  }

  /**
   * Resolves once filled, and keeps following until the signal aborts. Retries while the storage is unavailable. What is stored and
   * cannot be read holds nobody else up: then it resolves with a `failure`, and tries again. @throws StorageError Corrupt
   */
  async start(signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, this.#closed.signal]);
    const filled = this.#fillRetrying(either);
    this.#following = filled
      .then(() => this.#follow(either))
      .catch((error: unknown) => {
        if (!either.aborted)
          this.#log.error("the watch cache ended: its kind is not served any more", { prefix: this.#prefix, error });
      })
      .finally(() => this.#followers.end(closedError()));
    await Promise.race([filled, this.#hasFailed.promise]);
  }

  /**
   * For a consistent read: waits until the cache has seen everything acknowledged before the call, by whichever server. The
   * reader's signal is looked at only when there is something to wait for.
   * @returns what it has seen @throws StorageError Unavailable when that takes too long
   */
  async freshen(reader: { readonly signal?: AbortSignal } = {}): Promise<Revision> {
    const revision = await this.#storage.revision();
    this.#throwIfFailed();
    const deadline = this.#clock.monotonic() + freshenTimeoutMs;
    while (this.current < revision) {
      this.#storage.requestProgress();
      const { signal } = reader;
      await this.#waiters.wait(revision, { timeoutMs: 100, ...(signal && { signal }) });
      if (this.#closed.signal.aborted) throw closedError();
      this.#throwIfFailed();
      if (this.#clock.monotonic() > deadline) throw behindError(this.#prefix, this.current, revision);
    }
    return this.current;
  }

  /** @returns false when the time is up first. Rejects with the signal's reason. */
  async waitFor(revision: Revision, { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal }): Promise<boolean> {
    const deadline = this.#clock.monotonic() + timeoutMs;
    while (this.current < revision) {
      this.#throwIfFailed();
      const left = deadline - this.#clock.monotonic();
      if (left <= 0) return false;
      this.#askForProgress();
      await this.#waiters.wait(revision, { timeoutMs: Math.min(left, 1_000), ...(signal && { signal }) });
    }
    return true;
  }

  getCached(key: string): CachedObject | undefined {
    return this.#state.objects.get(key);
  }

  /** What was written here, if that is newer than what has been seen: enough to try the next write with, and nothing to show. */
  latestKnown(key: string): CachedObject | undefined {
    return this.#unseen.get(key) ?? this.getCached(key);
  }

  /** Of a write that succeeded. */
  noteWritten(object: CachedObject): void {
    if (object.revision > this.current) this.#unseen.add(object);
  }

  /** In key order. */
  listCached(prefix: string = this.#prefix): readonly CachedObject[] {
    this.#throwIfNeverFilled();
    return this.#state.objects.values(prefix);
  }

  countCached(prefix: string = this.#prefix): number {
    return this.#state.objects.count(prefix);
  }

  /** In key order. */
  byIndex(index: string, value: string, prefix: string = this.#prefix): readonly CachedObject[] {
    this.#throwIfNeverFilled();
    return this.#state.find(index, value, prefix);
  }

  /** As it was at an older revision. @throws StorageError Expired, Future */
  listAt(prefix: string, revision: Revision): readonly CachedObject[] {
    const overlay = this.#overlayAt(revision);
    return overlay.size === 0 ? this.listCached(prefix) : [...this.#walk(overlay, prefix, "")];
  }

  /**
   * The same behind `after`, for who does not want all of it: one by one, and how many come after a key. To be used up before
   * anything is awaited. @throws StorageError Expired, Future
   */
  walkAt(prefix: string, revision: Revision, after: string): Walk {
    this.#throwIfNeverFilled();
    const overlay = this.#overlayAt(revision);
    return {
      objects: this.#walk(overlay, prefix, after),
      countAfter: (key) => rewoundCount(this.#state.objects, overlay, prefix, key),
    };
  }

  *#walk(overlay: Overlay<CachedObject>, prefix: string, after: string): Generator<CachedObject> {
    const { objects } = this.#state;
    for (const key of overlay.size === 0 ? objects.keys(prefix, after) : rewoundKeys(objects, overlay, prefix, after)) {
      const object = overlay.get(key) ?? objects.get(key);
      if (object !== undefined) yield object;
    }
  }

  #overlayAt(revision: Revision): Overlay<CachedObject> {
    if (revision > this.current) throw future(revision, this.current);
    this.#trim();
    const overlay: Overlay<CachedObject> = new Map();
    for (const { events } of this.#state.commits.after(revision)) {
      extendOverlay(
        overlay,
        events.map(({ current, previous }) => ({ key: current?.key ?? previous?.key ?? "", previous })),
      );
    }
    return overlay;
  }

  /** Whether the history here goes back that far. */
  remembers(revision: Revision): boolean {
    this.#trim();
    return revision >= this.#state.commits.floor;
  }

  /** As it was at any revision that is kept: what has left the history here is read from the storage. @throws StorageError Expired, Future */
  async listLong(prefix: string, revision: Revision): Promise<readonly CachedObject[]> {
    if (this.remembers(revision)) return this.listAt(prefix, revision);
    const objects: CachedObject[] = [];
    for (let after: string | undefined; ; after = objects.at(-1)?.key) {
      const page = await this.#storage.list(prefix, { at: revision, limit: pageSize, ...(after !== undefined && { after }) });
      for (const entry of page.entries) objects.push(new CachedObject(entry));
      if (!page.more) return objects;
    }
  }

  /**
   * Everything below `prefix` after `after`, in order: from the storage's log what has left the history here, and from the history
   * as soon as it goes back that far. A watcher that falls so far behind that its position leaves the history is ended (the iterator
   * returns), so that its client comes back. With `only`, what neither was nor is at that value of the index may be left out.
   * @throws StorageError Expired when the log does not go back to `after`
   */
  async *watchCached(prefix: string, after: Revision, signal: AbortSignal, only?: IndexedValue): AsyncGenerator<CachedBatch> {
    let position = after;
    for (;;) {
      this.#trim();
      if (position < this.#state.commits.floor) position = yield* this.#watchLog(prefix, position, signal);
      try {
        for await (const batch of this.#watchHistory(prefix, position, signal, only)) {
          position = "progress" in batch ? batch.progress : (batch.events[0]?.revision ?? position);
          yield batch;
        }
        return;
      } catch (error) {
        // The cache had to list again: what it missed is in the log, if anywhere.
        if (!hasStorageReason(error, "Expired")) throw error;
      }
    }
  }

  /** From the log until the history is reached. @returns where it goes on. */
  async *#watchLog(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<CachedBatch, Revision> {
    let position = after;
    const log = this.#storage.watch(prefix, after, signal)[Symbol.asyncIterator]() as AsyncIterator<WatchBatch, void>;
    try {
      for (let pending = log.next(); ; pending = log.next()) {
        // Without it the log of a quiet kind would not say how far it has been read.
        this.#storage.requestProgress();
        const next = await pending;
        if (next.done === true) throw closedError();
        const batch = next.value;
        if (!("progress" in batch)) yield { events: batch.changes.map((change) => eventOf(change, batch.revision)) };
        position = Math.max(position, "progress" in batch ? batch.progress : batch.revision);
        this.#trim();
        if (position >= this.#state.commits.floor) return position;
      }
    } catch (error) {
      // By a key that is not there any more, say: what is there now can be listed all the same, or that will tell.
      if (hasStorageReason(error, "Unreadable")) throw expired(position, this.current);
      throw error;
    } finally {
      await log.return?.();
    }
  }

  async *#watchHistory(prefix: string, after: Revision, signal: AbortSignal, only?: IndexedValue): AsyncGenerator<CachedBatch> {
    const mark = only && indexMark(only.index, only.value);
    const { commits } = this.#state;
    commits.after(after, 0);
    const read = (from: Revision): readonly CachedCommit[] => {
      if (from < commits.floor) throw new Overrun();
      return commits.after(from, 64);
    };
    try {
      for await (const next of this.#followers.follow(prefix, after, signal, read, mark)) {
        if ("progress" in next) {
          yield next;
          continue;
        }
        const events = next.record.events.filter((event) => keyOf(event).startsWith(prefix));
        if (events.length > 0) yield { events };
      }
    } catch (error) {
      if (!(error instanceof Overrun)) throw error;
      this.#log.warn("a watcher could not keep up and was ended", { prefix });
    }
  }

  async revision(): Promise<Revision> {
    return this.#storage.revision();
  }

  async get(key: string): Promise<Entry | undefined> {
    await this.freshen();
    return this.getCached(key);
  }

  async list(prefix: string, options: { after?: string; limit?: number; at?: Revision } = {}): Promise<Page> {
    const seen = await this.freshen();
    const revision = options.at ?? seen;
    this.#trim();
    if (revision < this.#state.commits.floor) return this.#storage.list(prefix, options);
    const all = this.listAt(prefix, revision);
    const { after, limit = Infinity } = options;
    const start = after === undefined ? 0 : firstBehind(all, after);
    return { entries: all.slice(start, start + limit), revision, more: all.length > start + limit };
  }

  async count(prefix: string): Promise<number> {
    await this.freshen();
    return this.countCached(prefix);
  }

  dump(prefix: string): Promise<Dump> {
    return this.#storage.dump(prefix);
  }

  put(key: string, value: Uint8Array, expected: Revision, options?: { expiresAfterSeconds?: number }): Promise<Entry> {
    return this.#storage.put(key, value, expected, options);
  }

  delete(key: string, expected: Revision): Promise<Revision> {
    return this.#storage.delete(key, expected);
  }

  /** As the storage's own: what has left the history here is read from there, and a slow watcher loses nothing. */
  async *watch(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    let position = after;
    if (after >= this.#state.commits.floor) {
      for await (const batch of this.watchCached(prefix, after, signal)) {
        if ("progress" in batch) {
          yield batch;
          continue;
        }
        position = batch.events[0]?.revision ?? position;
        yield { revision: position, changes: batch.events.map(changeOf) };
      }
    }
    yield* this.#storage.watch(prefix, position, signal);
  }

  /** Asks for a `progress` for every watcher of this cache. Consistent reads do not trouble them with theirs. */
  requestProgress(): void {
    this.#progressWanted = true;
    this.#storage.requestProgress();
  }

  async compact(revision: Revision): Promise<void> {
    await this.#storage.compact(revision);
    await this.freshen();
    this.#state.forget(revision);
  }

  /** Ends the cache and its watchers; the storage stays open. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#following;
  }

  /** The storage learns first what others have written to it: progress is then asked for up to there. */
  #askForProgress(): void {
    const ask = (): void => this.#storage.requestProgress();
    this.#storage.revision().then(ask, (error: unknown) => this.#log.debug("the storage does not answer", { error }));
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        for await (const batch of this.#storage.watch(this.#prefix, this.current, signal)) this.#take(batch);
      } catch (error) {
        if (signal.aborted) return;
        // What cannot be read may be past by now: what is there counts.
        if (hasStorageReason(error, "Expired", "Unreadable")) {
          await this.#fillRetrying(signal);
        } else {
          this.#log.warn("the watch cache lost its storage and tries again", { prefix: this.#prefix, error });
          await this.#clock.sleep(retryMs, signal).catch(() => undefined);
        }
      }
    }
  }

  #noteFailure(error: unknown): void {
    if (!hasStorageReason(error, "Unreadable")) return;
    this.#failure = error;
    this.#hasFailed.come();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #throwIfNeverFilled(): void {
    if (!this.#ready) this.#throwIfFailed();
  }

  #take(batch: WatchBatch): void {
    this.#failure = undefined;
    if ("progress" in batch) {
      this.#followers.advance(batch.progress);
      if (this.#progressWanted) this.#followers.requestProgress();
      this.#progressWanted = false;
    } else {
      const { revision, events } = this.#state.apply(batch, this.#clock.monotonic());
      this.#trim();
      for (const { key } of batch.changes) this.#unseen.seen(key, revision);
      const marks = (): string[] => events.flatMap((event) => this.#state.marksOf(event));
      this.#followers.announce({ revision, keys: events.map(keyOf), marks });
    }
    this.#waiters.reached(this.current);
  }

  /** Five minutes of history, and never more than `historySize` commits or `historyBytes`. What has left it is in the storage's log. */
  #trim(): void {
    const { commits } = this.#state;
    const old = this.#clock.monotonic() - historyMs;
    const isTooMuch = (): boolean =>
      commits.length > this.#historySize || (this.#state.historyBytes > this.#historyBytes && commits.length > 1);
    while (isTooMuch() || (commits.oldest !== undefined && commits.oldest.seenAt < old)) this.#state.forgetOldest();
  }

  async #fillRetrying(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#fill();
        return;
      } catch (error) {
        signal.throwIfAborted();
        // Of that no later try makes anything better.
        if (hasStorageReason(error, "Corrupt")) throw error;
        this.#noteFailure(error);
        this.#log.warn("the watch cache could not be filled and tries again", { prefix: this.#prefix, error });
        await this.#clock.sleep(retryMs, signal);
      }
    }
  }

  async #fill(): Promise<void> {
    const state = new CacheState(0, this.#indexes, this.#valueAt);
    const load = (entry: Entry): void => state.load(entry);
    const revision = await (this.#storage.scan?.(this.#prefix, load) ?? this.#listAll(load));
    state.forget(revision);
    const previous = this.#followers;
    this.#state = state;
    this.#followers = new Followers(revision);
    this.#ready = true;
    this.#failure = undefined;
    this.#unseen.seenUpTo(revision);
    previous.end(expired(previous.revision, revision));
    this.#waiters.reached(revision);
  }

  /** As `Storage.scan`. */
  async #listAll(look: (entry: Entry) => void): Promise<Revision> {
    let page = await this.#storage.list(this.#prefix, { limit: pageSize });
    const { revision } = page;
    page.entries.forEach(look);
    while (page.more) {
      const after = page.entries.at(-1)?.key ?? "";
      page = await this.#storage.list(this.#prefix, { limit: pageSize, after, at: revision });
      page.entries.forEach(look);
    }
    return revision;
  }
}

const mostHistoryBytes = 64 * 1024 * 1024;
const pageSize = 500;
const retryMs = 1000;
const freshenTimeoutMs = 10_000;

/** Something that happens once, if at all. */
function newMoment(): { readonly promise: Promise<void>; come(): void } {
  let come = (): void => undefined;
  const promise = new Promise<void>((resolve) => (come = resolve));
  return { promise, come: () => come() };
}

/** A watcher's position has left the history. */
class Overrun extends Error {}

function keyOf({ current, previous }: CachedEvent): string {
  return current?.key ?? previous?.key ?? "";
}

function eventOf({ key, value, previous }: Change, revision: Revision): CachedEvent {
  return {
    revision,
    ...(value && { current: new CachedObject({ key, value, revision }) }),
    ...(previous && { previous: new CachedObject(previous) }),
  };
}

function changeOf({ current, previous }: CachedEvent): { key: string; value?: Uint8Array; previous?: Entry } {
  const key = current?.key ?? previous?.key ?? "";
  return { key, ...(current && { value: current.value }), ...(previous && { previous }) };
}

function firstBehind(objects: readonly CachedObject[], after: string): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(objects[middle]?.key ?? "", after) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function behindError(prefix: string, seen: Revision, wanted: Revision): StorageError {
  return new StorageError("Unavailable", `what is known of ${prefix} is at revision ${seen} and does not come to ${wanted}`);
}

function closedError(): StorageError {
  return new StorageError("Unavailable", "the watch cache is closed");
}

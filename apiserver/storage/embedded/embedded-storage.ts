import { mkdirSync } from "node:fs";
import { constants } from "node:os";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import { ChangeLog, expired, future } from "../change-log.ts";
import { matching, type Commit } from "../commit.ts";
import { ExpiryQueue, withSecondsLeft } from "../expiry-queue.ts";
import { Followers } from "../followers.ts";
import { keepHistory } from "../keep-history.ts";
import { OrderedMap } from "../ordered-map.ts";
import { extendOverlay, rewoundKeys, type Overlay } from "../rewind.ts";
import {
  hasStorageReason,
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
import { flushFolders } from "./flush-folders.ts";
import { Group, type WriteRequest } from "./group.ts";
import { lockDirectory } from "./process-lock.ts";
import { Room } from "./room.ts";
import { SliceSize } from "./slice-size.ts";
import { Tables, type Lease, type Version } from "./tables.ts";

export interface EmbeddedStorageOptions {
  /** Made with mode 0700 when it is not there. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Absent: tables that sync before they say that something is written. For tests, which plant faults here. */
  readonly openTables?: (directory: string) => Tables;
}

/**
 * A store in a folder of this machine, for one process at a time. Values stay on the disk (lmdb maps it into memory); here are
 * the keys.
 *
 * @throws StorageError Locked while another process has it open, Corrupt
 */
export async function openEmbeddedStorage(options: EmbeddedStorageOptions): Promise<EmbeddedStorage> {
  const { directory, clock, log, openTables = (folder) => new Tables(folder) } = options;
  const created = mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(directory);
  let tables: Tables | undefined;
  try {
    tables = openTables(directory);
    flushFolders(directory, created);
    return new EmbeddedStorage({ directory, tables, release: () => lock.release(), clock, log });
  } catch (error) {
    await tables?.close();
    lock.release();
    throw error;
  }
}

interface Opened {
  readonly directory: string;
  readonly tables: Tables;
  readonly release: () => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A commit waits while the one before it is synced, so that many writers share one sync. */
const largestGroup = 512;
/** So much is read without letting others run in between. */
const pageOfCommits = 128;
const pageOfEntries = 256;
/** Of these nothing is copied. */
const pageOfScan = 1024;
/** On the disk. Of what many writers leave in five minutes this may be less. */
const mostHistoryBytes = 1024 ** 3;
/** What expires together is deleted by so many at a time, between which others write. */
const mostExpiring = 128;
/** Recent commits that need not be read from the disk. */
const recentCommits = 1024;

export class EmbeddedStorage implements Storage {
  /** Rejects when a write has failed so that only opening the store again can tell what is there. Nothing is written from then on. */
  readonly failed: Promise<never>;
  readonly #directory: string;
  readonly #tables: Tables;
  readonly #release: () => void;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** What readers see: everything durable, nothing else. */
  readonly #index = new OrderedMap<true>();
  readonly #recent: ChangeLog<Commit>;
  readonly #followers: Followers;
  readonly #expiries: ExpiryQueue;
  readonly #closed = new AbortController();
  /** Under way: what they have not caught up with is not to be compacted. */
  readonly #dumps = new Set<Reading>();
  #floor: Revision;
  /** The log begins behind this one. */
  #forgotten: Revision;
  readonly #slice = new SliceSize();
  readonly #compactions: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #queue: WriteRequest[] = [];
  /** Being written: lmdb may show these already, readers must not. */
  #inFlight: Group | undefined;
  #writing: Promise<void> | undefined;
  #failure: StorageError | undefined;
  #fail: (failure: StorageError) => void = () => undefined;
  readonly #room: Room;

  constructor({ directory, tables, release, clock, log }: Opened) {
    this.failed = new Promise<never>((_, reject) => (this.#fail = reject));
    this.failed.catch(() => undefined);
    this.#room = new Room({ clock, log, freeBytes: () => tables.freeBytes() });
    this.#directory = directory;
    this.#tables = tables;
    this.#release = release;
    this.#clock = clock;
    this.#log = log;
    this.#floor = tables.compacted;
    this.#forgotten = tables.forgotten;
    this.#recent = new ChangeLog(tables.revision);
    this.#followers = new Followers(tables.revision);
    for (const key of tables.keys()) this.#index.set(key, true);
    this.#expiries = this.#loadLeases();
    const { signal } = this.#closed;
    void this.#expiries.run(signal, (keys) => this.#expire(keys));
    const history = { floor: () => this.#forgotten, bytes: () => tables.logBytes(), mostBytes: mostHistoryBytes };
    void keepHistory(this, { clock, log, signal, history });
  }

  /** What keeps it from writing at present. */
  get trouble(): string | undefined {
    return this.#failure?.message ?? this.#room.trouble;
  }

  async revision(): Promise<Revision> {
    return this.#followers.revision;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#throwIfClosed();
    return this.#entry(key);
  }

  async list(prefix: string, options: { after?: string; limit?: number; at?: Revision } = {}): Promise<Page> {
    this.#throwIfClosed();
    const revision = options.at ?? this.#followers.revision;
    if (revision > this.#followers.revision) throw future(revision, this.#followers.revision);
    const reading = readingAt(revision);
    const entries: Entry[] = [];
    const limit = options.limit ?? Infinity;
    for (let after = options.after; ;) {
      const page = await this.#readPage(reading, prefix, after, Math.min(pageOfEntries, limit - entries.length));
      entries.push(...page.entries);
      if (!page.more || entries.length >= limit) return { entries, revision, more: page.more };
      after = page.last;
    }
  }

  /** Pages are not fetched before: that takes as long as reading those that are in memory, and who scans serves nobody yet. */
  async scan(prefix: string, look: (entry: Entry) => void): Promise<Revision> {
    this.#throwIfClosed();
    const revision = this.#followers.revision;
    const reading = readingAt(revision);
    for (let after: string | undefined; ;) {
      await this.#catchUp(reading);
      const keys = take(rewoundKeys(this.#index, reading.overlay, prefix, after), pageOfScan + 1);
      for (const key of keys.slice(0, pageOfScan)) {
        const entry = reading.overlay.get(key) ?? this.#entry(key, lend);
        if (entry !== undefined) look(entry);
      }
      if (keys.length <= pageOfScan) return revision;
      after = keys[pageOfScan - 1];
      await this.#tables.pause();
      this.#throwIfClosed();
    }
  }

  async dump(prefix: string): Promise<Dump> {
    this.#throwIfClosed();
    const revision = this.#followers.revision;
    const pages = this.#dumpPages(prefix, readingAt(revision), this.#expiries.secondsLeft());
    return { revision, count: this.#index.count(prefix), pages };
  }

  valueAt(key: string, revision: Revision): Uint8Array | undefined {
    if (this.#closed.signal.aborted) return undefined;
    const entry = this.#entry(key);
    if (entry?.revision === revision) return entry.value;
    // Written over a moment ago: whoever follows the log has not been told yet.
    const isIt = ({ previous }: Change): boolean => previous?.key === key && previous.revision === revision;
    return this.#recent.findLast(({ changes }) => changes.some(isIt))?.changes.find(isIt)?.previous?.value;
  }

  async count(prefix: string): Promise<number> {
    return this.#index.count(prefix);
  }

  put(key: string, value: Uint8Array, expected: Revision, options: { expiresAfterSeconds?: number } = {}): Promise<Entry> {
    const seconds = options.expiresAfterSeconds;
    const lease = seconds === undefined ? undefined : { deadline: this.#clock.now() + seconds * 1000, seconds };
    return new Promise((resolve, reject) => this.#enqueue({ type: "put", key, value, expected, lease, resolve, reject }));
  }

  delete(key: string, expected: Revision): Promise<Revision> {
    return new Promise((resolve, reject) => this.#enqueue({ type: "delete", key, expected, resolve, reject }));
  }

  async *watch(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    this.#throwIfClosed();
    this.#throwIfCompacted(after);
    for await (const next of this.#followers.follow(prefix, after, signal, (from) => this.#commitsAfter(from))) {
      if ("progress" in next) yield next;
      else yield* matching(next.record, prefix);
    }
  }

  requestProgress(): void {
    this.#followers.requestProgress();
  }

  async compact(upTo: Revision): Promise<void> {
    this.#throwIfClosed();
    if (upTo > this.#followers.revision) throw future(upTo, this.#followers.revision);
    const revision = Math.min(upTo, ...Array.from(this.#dumps, (reading) => reading.upTo));
    if (revision <= this.#floor) return;
    this.#floor = revision;
    await new Promise<void>((resolve, reject) => {
      this.#compactions.push({ resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.#followers.end(closedError());
    await this.#writing;
    await this.#tables.close();
    this.#release();
  }

  async *#dumpPages(prefix: string, reading: Reading, left: Map<string, number>): AsyncGenerator<readonly DumpedEntry[]> {
    this.#dumps.add(reading);
    try {
      for (let after: string | undefined; ;) {
        this.#throwIfClosed();
        const { entries, last, more } = await this.#readPage(reading, prefix, after, pageOfEntries);
        if (entries.length > 0) yield entries.map((entry) => withSecondsLeft(entry, left.get(entry.key)));
        if (!more) return;
        after = last;
      }
    } finally {
      this.#dumps.delete(reading);
    }
  }

  /** At most `size` entries as they were at the reading's revision. */
  async #readPage(
    reading: Reading,
    prefix: string,
    after: string | undefined,
    size: number,
  ): Promise<{ entries: Entry[]; last: string | undefined; more: boolean }> {
    await this.#tables.prefetch(take(this.#index.keys(prefix, after), size));
    await this.#catchUp(reading);
    const keys = take(rewoundKeys(this.#index, reading.overlay, prefix, after), size + 1);
    const entries: Entry[] = [];
    for (const key of keys.slice(0, size)) {
      const entry = reading.overlay.get(key) ?? this.#entry(key);
      if (entry !== undefined) entries.push(entry);
    }
    return { entries, last: keys[size - 1], more: keys.length > size };
  }

  /** As readers see it: while the key's next version is being written, the one before. */
  #entry(key: string, read = copy): Entry | undefined {
    if (this.#inFlight?.has(key) === true) return this.#inFlight.before(key);
    if (!this.#index.has(key)) return undefined;
    const stored = read(this.#tables, key);
    return stored && { key, revision: stored.revision, value: stored.value };
  }

  #commitsAfter(after: Revision): readonly Commit[] {
    this.#throwIfCompacted(after);
    if (after >= this.#recent.floor) return this.#recent.after(after, pageOfCommits);
    return this.#tables.commits(after, this.#followers.revision, pageOfCommits);
  }

  /** Brings the overlay up to what readers see now, without a pause behind its last step. */
  async #catchUp(reading: Reading): Promise<void> {
    for (let first = true; reading.upTo < this.#followers.revision; first = false) {
      if (!first) await this.#tables.pause();
      for (const commit of this.#commitsAfter(reading.upTo)) {
        extendOverlay(reading.overlay, commit.changes);
        reading.upTo = commit.revision;
      }
    }
    this.#throwIfCompacted(reading.upTo);
  }

  #enqueue(request: WriteRequest): void {
    if (this.#failure !== undefined || this.#closed.signal.aborted) {
      request.reject(this.#failure ?? closedError());
      return;
    }
    this.#queue.push(request);
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // Requests of the same turn belong to the same group.
    await Promise.resolve();
    while (this.#queue.length > 0 || this.#compactions.length > 0) {
      const group = new Group(this.#followers.revision, (key) => this.#entry(key));
      for (const request of this.#queue.splice(0, largestGroup)) group.decide(request);
      if (group.writes.length > 0) await this.#write(group);
      // Writers and what is forgotten take turns, so that neither waits for more than one transaction of the other.
      if (this.#compactions.length > 0) await this.#forget(group.writes.length);
    }
    // In the same turn as the look at the queue, so that a request that comes now starts anew.
    this.#writing = undefined;
  }

  /** A slice of what lies below the floor: no fewer than come in meanwhile, or the log would grow. */
  async #forget(written: number): Promise<void> {
    const finish = (): void => this.#compactions.splice(0).forEach(({ resolve }) => resolve());
    if (this.#failure !== undefined || this.#closed.signal.aborted) {
      finish();
      return;
    }
    const first = this.#forgotten + 1;
    const last = Math.min(this.#floor, this.#forgotten + Math.max(this.#slice.size, 2 * written));
    const began = this.#clock.monotonic();
    try {
      await this.#tables.forget(first, last, this.#floor);
    } catch (error) {
      const failure = this.#writeFailed(error, 0);
      for (const { reject } of this.#compactions.splice(0)) reject(failure);
      return;
    }
    this.#slice.took(this.#clock.monotonic() - began);
    this.#forgotten = Math.max(last, this.#forgotten);
    if (this.#forgotten >= this.#floor) finish();
  }

  async #write(group: Group): Promise<void> {
    this.#inFlight = group;
    try {
      await this.#tables.write(group.writes);
    } catch (error) {
      group.fail(this.#writeFailed(error, group.bytes));
      return;
    } finally {
      this.#inFlight = undefined;
    }
    this.#room.had(() => group.bytes);
    for (const { commit, leases } of group.writes) {
      for (const { key, value } of commit.changes) {
        if (value === undefined) this.#index.delete(key);
        else this.#index.set(key, true);
      }
      for (const [key, lease] of leases) this.#setExpiry(key, lease);
      this.#recent.append(commit);
      if (this.#recent.length > recentCommits) this.#recent.forgetOldest();
    }
    for (const { commit } of group.writes) {
      this.#followers.announce({ revision: commit.revision, keys: commit.changes.map(({ key }) => key) });
    }
    group.succeed();
  }

  /** A transaction that found no room left nothing behind, and later ones may fit. After any other failure only the disk knows. */
  #writeFailed(cause: unknown, bytes: number): StorageError {
    const revision = this.#followers.revision;
    if (isNoSpace(cause, this.#tables.freeBytes()) && this.#tables.canWrite() && this.#tables.rereadRevision() === revision) {
      this.#room.lacked(bytes);
      return new StorageError("NoSpace", "there is no space left on its disk; nothing can be written, reads go on", { cause });
    }
    this.#failure = new StorageError(
      "Unavailable",
      `the store in ${this.#directory} could not be written (${(cause as Error).message}) and must be opened again: only its disk knows what was kept`,
      { cause },
    );
    this.#fail(this.#failure);
    return new StorageError("OutcomeUnknown", "the write failed and may or may not be on the disk", { cause });
  }

  #loadLeases(): ExpiryQueue {
    const queue = new ExpiryQueue(this.#clock);
    for (const [key, { deadline, seconds }] of this.#tables.leases()) {
      queue.set(key, Math.min(deadline - this.#clock.now(), seconds * 1000));
    }
    return queue;
  }

  #setExpiry(key: string, lease: Lease | undefined): void {
    if (lease === undefined) this.#expiries.clear(key);
    else this.#expiries.set(key, lease.seconds * 1000);
  }

  /** What cannot be deleted now comes again a second later. */
  async #expire(keys: readonly string[]): Promise<void> {
    try {
      for (let at = 0; at < keys.length && !this.#closed.signal.aborted; at += mostExpiring) {
        const revisions = new Map(keys.slice(at, at + mostExpiring).map((key) => [key, this.#entry(key)?.revision]));
        await new Promise<void>((resolve, reject) => this.#enqueue({ type: "expire", revisions, resolve, reject }));
      }
    } catch (error) {
      // That there is no space has been said.
      if (!hasStorageReason(error, "NoSpace")) this.#log.warn("expired keys could not be deleted", { error });
    }
  }

  #throwIfCompacted(revision: Revision): void {
    if (revision < this.#floor) throw expired(revision, this.#floor);
  }

  #throwIfClosed(): void {
    if (this.#closed.signal.aborted) throw closedError();
  }
}

/** A look at an older state that is taken bit by bit: what has changed since, as far as it has been read. */
interface Reading {
  readonly overlay: Overlay<Entry>;
  upTo: Revision;
}

const copy = (tables: Tables, key: string): Version | undefined => tables.value(key);
const lend = (tables: Tables, key: string): Version | undefined => tables.lentValue(key);

function readingAt(revision: Revision): Reading {
  return { overlay: new Map(), upTo: revision };
}

function closedError(): StorageError {
  return new StorageError("Unavailable", "the store is closed");
}

/** lmdb reports a write that was cut short for lack of room as EIO. */
function isNoSpace(error: unknown, freeBytes: number): boolean {
  const { code } = error as { code?: unknown };
  const said = code === constants.errno.ENOSPC || code === constants.errno.EDQUOT || code === mapFull;
  return said || (code === constants.errno.EIO && freeBytes < littleSpace);
}

const mapFull = -30792;
const littleSpace = 16 * 1024 * 1024;

function take(keys: Generator<string>, count: number): string[] {
  const taken: string[] = [];
  if (count <= 0) return taken;
  for (const key of keys) {
    taken.push(key);
    if (taken.length >= count) break;
  }
  return taken;
}

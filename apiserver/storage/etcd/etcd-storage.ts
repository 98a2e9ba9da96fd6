import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import { matching } from "../commit.ts";
import { keepHistory } from "../keep-history.ts";
import {
  hasStorageReason,
  StorageError,
  type Dump,
  type Entry,
  type Page,
  type Revision,
  type Storage,
  type WatchBatch,
} from "../storage.ts";
import { dumpOf } from "./dump.ts";
import { failureOf, isLeaseNotFound, isNoSpace, readError, writeError } from "./etcd-failure.ts";
import type { EtcdOptions } from "./etcd-options.ts";
import { Behind, Feed } from "./feed.ts";
import { KeySpace } from "./key-space.ts";
import { Leases } from "./leases.ts";
import { Members } from "./members.ts";
import { ResumingWatch, type WatchDependencies } from "./resuming-watch.ts";
import { decodeSwapped, encodeSwap, type Replacement } from "./swap-message.ts";
import { entryOf } from "./watch-responses.ts";

export interface EtcdStorageOptions {
  readonly etcd: EtcdOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const pageSize = 500;
const heartbeatMs = 2_000;
const heartbeatTimeoutMs = 2_000;

/** @throws StorageError Unavailable when none of its members answers. */
export async function openEtcdStorage({ etcd, clock, random, log }: EtcdStorageOptions): Promise<EtcdStorage> {
  const deps = { members: new Members(etcd, clock), keys: new KeySpace(etcd.prefix), clock, random, log };
  try {
    return new EtcdStorage(await revisionOf(deps), deps);
  } catch (error) {
    deps.members.close();
    throw readError(error);
  }
}

/** None of its members can be spoken to, as while it starts; rather than that it refuses us. */
export function isUnreachable(error: unknown): boolean {
  return hasStorageReason(error, "Unavailable") && failureOf(error.cause).isMembers;
}

/**
 * Objects in an etcd, which other API servers may use at the same time: one transaction for each write, one watch for all readers.
 * How reads are known to be up to date is told in docs/decisions/009-etcd-is-watched-once.md.
 */
export class EtcdStorage implements Storage {
  readonly #deps: WatchDependencies;
  readonly #feed: Feed;
  readonly #leases: Leases;
  readonly #closed = new AbortController();
  readonly #running: Promise<unknown>;
  /** Revisions at which something is being read for long: not to be compacted by us. */
  readonly #held = new Set<Revision>();
  #asked: Promise<Revision> | undefined;
  #asking: Promise<unknown> = Promise.resolve();
  /** The newest revision that etcd has named: progress that is asked for covers it. */
  #latest: Revision;

  constructor(start: Revision, deps: WatchDependencies) {
    this.#deps = deps;
    this.#latest = start;
    this.#leases = new Leases(deps.members, deps.clock);
    this.#feed = new Feed(start, () => revisionOf(deps), deps);
    const { signal } = this.#closed;
    const { clock, log } = deps;
    this.#running = Promise.all([
      this.#feed.run(signal).catch((error: unknown) => log.error("the watch of etcd ended", { error })),
      this.#heartbeat(signal),
      keepHistory(this, { clock, log, signal }),
    ]);
  }

  /** What is wrong with reaching etcd: reads and writes, and the watch. */
  get trouble(): { readonly requests?: string; readonly watch?: string } {
    const requests = this.#deps.members.trouble;
    return { ...(requests !== undefined && { requests }), ...(!this.#feed.isOpen && { watch: "the watch of etcd is not open" }) };
  }

  /** Callers that come while one request is under way share the next one: each gets what is asked for after its call. */
  revision(): Promise<Revision> {
    this.#throwIfClosed();
    this.#asked ??= this.#asking.then(() => {
      this.#asked = undefined;
      const answer = this.#newest();
      this.#asking = answer.catch(() => undefined);
      return answer;
    });
    return this.#asked;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#throwIfClosed();
    const { members, keys } = this.#deps;
    const { kvs } = await this.#reading(members.call((client, options) => client.kv.range({ key: keys.toEtcd(key) }, options)));
    const [kv] = kvs;
    return kv && entryOf(kv, keys);
  }

  async list(prefix: string, options: { after?: string; limit?: number; at?: Revision } = {}): Promise<Page> {
    let page = await this.#page(prefix, options);
    const { revision } = page;
    const entries = [...page.entries];
    while (page.more && entries.length < (options.limit ?? Infinity)) {
      const left = options.limit === undefined ? {} : { limit: options.limit - entries.length };
      page = await this.#page(prefix, { ...left, after: entries.at(-1)?.key ?? "", at: revision });
      entries.push(...page.entries);
    }
    return { entries, revision, more: page.more };
  }

  async count(prefix: string): Promise<number> {
    this.#throwIfClosed();
    const { members, keys } = this.#deps;
    const range = { ...keys.below(prefix), count_only: true };
    const { count } = await this.#reading(members.call((client, options) => client.kv.range(range, options)));
    return Number(count);
  }

  async dump(prefix: string): Promise<Dump> {
    this.#throwIfClosed();
    try {
      return await dumpOf(this.#deps, prefix, this.#held);
    } catch (error) {
      throw readError(error);
    }
  }

  async put(key: string, value: Uint8Array, expected: Revision, options: { expiresAfterSeconds?: number } = {}): Promise<Entry> {
    this.#throwIfClosed();
    const { expiresAfterSeconds: seconds } = options;
    const write = async (): Promise<Revision | undefined> => {
      const lease = seconds === undefined ? {} : { lease: await this.#reading(this.#leases.leaseFor(seconds)) };
      return this.#swap(key, expected, { value, ...lease });
    };
    const { own } = this.#feed;
    own.add(key, value);
    let revision: Revision | undefined;
    try {
      revision = await write().catch(async (error: unknown) => {
        if (seconds === undefined || !isLeaseNotFound(causeOf(error))) throw error;
        // Refused for want of its lease, which ended between being chosen and being used: nothing has been written.
        this.#leases.forget(seconds);
        return write();
      });
    } finally {
      if (revision === undefined) own.remove(key, value);
    }
    if (revision !== undefined) return { key, value, revision };
    if (expected === 0) throw new StorageError("AlreadyExists", `${key} already exists`);
    throw new StorageError("Conflict", `${key} is not at revision ${expected}`);
  }

  async delete(key: string, expected: Revision): Promise<Revision> {
    this.#throwIfClosed();
    // etcd would find "not there" to be just as expected, and delete nothing.
    if (expected === 0) throw new StorageError("Conflict", `${key} is not at revision 0`);
    const revision = await this.#swap(key, expected, "nothing");
    if (revision !== undefined) return revision;
    throw new StorageError("Conflict", `${key} is not at revision ${expected}`);
  }

  async *watch(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    const either = AbortSignal.any([signal, this.#closed.signal]);
    try {
      for (let position = after; ;) {
        signal.throwIfAborted();
        this.#throwIfClosed();
        const batches =
          position < this.#feed.floor ? this.#replay(prefix, position, either) : this.#follow(prefix, position, either);
        for await (const { at, batch } of batches) {
          position = at;
          yield batch;
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      this.#throwIfClosed();
      throw error;
    }
  }

  requestProgress(): void {
    if (!this.#closed.signal.aborted) this.#feed.reach(this.#latest, this.#closed.signal);
  }

  async compact(upTo: Revision): Promise<void> {
    this.#throwIfClosed();
    const revision = Math.min(upTo, ...this.#held);
    const { members } = this.#deps;
    try {
      await this.#reading(members.call((client, options) => client.kv.compact({ revision: String(revision) }, options)));
    } catch (error) {
      // Another server of this etcd was faster.
      if (!hasStorageReason(error, "Expired")) throw error;
    }
    this.#feed.forget(revision);
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort(closedError());
    await this.#running;
    this.#deps.members.close();
  }

  async #page(prefix: string, { after, limit, at }: { after?: string; limit?: number; at?: Revision }): Promise<Page> {
    this.#throwIfClosed();
    const { members, keys } = this.#deps;
    const range = {
      ...keys.below(prefix, after),
      limit: Math.min(limit ?? pageSize, pageSize),
      ...(at !== undefined && { revision: String(at) }),
    };
    const { header, kvs, more } = await this.#reading(members.call((client, options) => client.kv.range(range, options)));
    return { entries: kvs.map((kv) => entryOf(kv, keys)), revision: at ?? Number(header.revision), more };
  }

  /** Everything that has left the feed's memory, read from etcd, up to where the feed's memory begins. */
  async *#replay(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<Read> {
    const watch = new ResumingWatch(after, this.#deps);
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    void this.#keepNudging(watch, either);
    try {
      for await (const item of watch.read(either)) {
        const at = watch.position;
        if ("changes" in item) for (const batch of matching(item, prefix)) yield { at, batch };
        if (at < this.#feed.floor) continue;
        yield { at, batch: { progress: at } };
        return;
      }
    } finally {
      done.abort();
    }
  }

  /** Others' writes to this etcd do not come by here, and nothing else may for long. */
  async #keepNudging(watch: ResumingWatch, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    for (let before = watch.position; ; before = watch.position) {
      const isDone = await clock.sleep(replayNudgeMs, signal).then(
        () => false,
        () => true,
      );
      if (isDone) return;
      if (watch.position === before)
        await watch.nudge().catch((error: unknown) => log.debug("etcd could not be asked for progress", { error }));
    }
  }

  async *#follow(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<Read> {
    try {
      for await (const next of this.#feed.follow(prefix, after, signal)) {
        if ("progress" in next) yield { at: Math.max(after, next.progress), batch: next };
        else for (const batch of matching(next.record, prefix)) yield { at: next.record.revision, batch };
      }
    } catch (error) {
      if (!(error instanceof Behind)) throw error;
    }
  }

  /** @returns the revision of the write; undefined: the key is not at the expected one. */
  async #swap(key: string, expected: Revision, replacement: Replacement): Promise<Revision | undefined> {
    const { members, keys } = this.#deps;
    const request = encodeSwap(keys.toEtcd(key), expected, replacement);
    try {
      const response = await members.call((client, options) => client.transact(request, options));
      const { succeeded, revision } = decodeSwapped(response);
      this.#latest = Math.max(this.#latest, revision);
      return succeeded ? revision : undefined;
    } catch (error) {
      if (isNoSpace(error)) throw await this.#noSpace(key, expected, error);
      throw writeError(error);
    }
  }

  /** etcd says "no space" also of the write that took the last of it, after applying it. */
  async #noSpace(key: string, expected: Revision, cause: unknown): Promise<StorageError> {
    const now = await this.get(key).catch(() => undefined);
    if ((now?.revision ?? 0) === expected && this.#deps.members.trouble === undefined)
      return new StorageError("NoSpace", "etcd: database space exceeded", { cause });
    return new StorageError("OutcomeUnknown", "etcd ran out of space while it wrote", { cause });
  }

  async #heartbeat(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    let before = this.#feed.position;
    while (!signal.aborted) {
      try {
        await this.#newest(heartbeatTimeoutMs);
        // Standing still behind the others: either they write what is not ours, or the watch is dead.
        if (this.#feed.position === before && before < this.#latest) this.#feed.reach(this.#latest, signal);
      } catch (error) {
        log.debug("etcd does not answer", { error });
      }
      before = this.#feed.position;
      await clock.sleep(heartbeatMs, signal).catch(() => undefined);
    }
  }

  async #newest(timeoutMs?: number): Promise<Revision> {
    const revision = await this.#reading(revisionOf(this.#deps, timeoutMs));
    this.#latest = Math.max(this.#latest, revision);
    return revision;
  }

  async #reading<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw readError(error);
    }
  }

  #throwIfClosed(): void {
    if (this.#closed.signal.aborted) throw closedError();
  }
}

/** Where a watch has come to, and what it has to say there. */
interface Read {
  readonly at: Revision;
  readonly batch: WatchBatch;
}

const replayNudgeMs = 200;

async function revisionOf({ members, keys }: WatchDependencies, timeoutMs?: number): Promise<Revision> {
  const range = { key: keys.toEtcd(keys.fence), count_only: true };
  const { header } = await members.call((client, options) => client.kv.range(range, options), timeoutMs);
  return Number(header.revision);
}

function causeOf(error: unknown): unknown {
  return error instanceof StorageError ? error.cause : error;
}

function closedError(): StorageError {
  return new StorageError("Unavailable", "the store is closed");
}

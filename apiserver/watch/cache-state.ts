import { ChangeLog } from "../storage/change-log.ts";
import { OrderedMap } from "../storage/ordered-map.ts";
import type { Entry, Revision, WatchBatch } from "../storage/storage.ts";
import { CachedObject, type ValueSource } from "./cached-object.ts";
import { ObjectIndex } from "./object-index.ts";

/** A put has `current`, a deletion only `previous`. */
export interface CachedEvent {
  readonly revision: Revision;
  readonly current?: CachedObject;
  readonly previous?: CachedObject;
}

/** What happened at one revision below the cache's prefix. */
export interface CachedCommit {
  readonly revision: Revision;
  readonly events: readonly CachedEvent[];
  /** Monotonic time at which it was seen here. */
  readonly seenAt: number;
}

/** By the name of an index: the names of the fields that lead to the scalar it is about. */
export type IndexPaths = Readonly<Record<string, readonly string[]>>;

export function indexMark(index: string, value: string): string {
  return `${index}=${value}`;
}

/** The current objects of one prefix, their indexes, and the latest commits. Replaced as a whole when the cache must list again. */
export class CacheState {
  readonly objects = new OrderedMap<CachedObject>();
  readonly commits: ChangeLog<CachedCommit>;
  readonly #indexes: ReadonlyMap<string, ObjectIndex>;
  readonly #valueAt: ValueSource | undefined;
  #historyBytes = 0;

  /** `valueAt`: where values can be had again, so that only those of the history are kept here. */
  constructor(revision: Revision, indexes: IndexPaths, valueAt?: ValueSource) {
    this.#valueAt = valueAt;
    this.commits = new ChangeLog(revision);
    this.#indexes = new Map(
      Object.entries(indexes).map(([name, path]) => [name, new ObjectIndex((object) => object.scalarAt(path))]),
    );
  }

  /** What the objects of the history take as they are stored. */
  get historyBytes(): number {
    return this.#historyBytes;
  }

  /** Where values can be had again, this one may be lent: it is looked at, and let go. */
  load(entry: Entry): void {
    const object = this.#valueAt === undefined ? CachedObject.of(entry) : new CachedObject(entry);
    this.#replace(undefined, object);
    if (this.#valueAt !== undefined) object.letGo(this.#valueAt);
  }

  apply(batch: Extract<WatchBatch, { changes: unknown }>, seenAt: number): CachedCommit {
    const { revision } = batch;
    const events = batch.changes.map(({ key, value, previous }): CachedEvent => {
      const before = this.objects.get(key) ?? (previous && CachedObject.of(previous));
      if (previous !== undefined && previous.revision === before?.revision) before.hold(previous.value);
      const current = value && CachedObject.of({ key, value, revision });
      this.#replace(before, current);
      return { revision, ...(current && { current }), ...(before && { previous: before }) };
    });
    const commit = { revision, events, seenAt };
    this.commits.append(commit);
    this.#historyBytes += bytesOf(commit);
    return commit;
  }

  /** The oldest commit leaves the history: nobody will be told of it. */
  forgetOldest(): void {
    const { oldest } = this.commits;
    if (oldest === undefined) return;
    this.#historyBytes -= bytesOf(oldest);
    for (const { current, previous } of oldest.events) {
      current?.dropEvents();
      previous?.dropEvents();
      if (this.#valueAt !== undefined && current !== undefined && this.objects.get(current.key) === current) {
        current.letGo(this.#valueAt);
      }
    }
    this.commits.forgetOldest();
  }

  /** The history up to this revision is not to be read any more. */
  forget(revision: Revision): void {
    while ((this.commits.oldest?.revision ?? Infinity) <= revision) this.forgetOldest();
    this.commits.forget(revision);
  }

  /** By which marks a watcher of one value of an index knows that an event may be for it. */
  marksOf({ current, previous }: CachedEvent): string[] {
    return [...this.#indexes].flatMap(([name, index]) => {
      const values = [current, previous].map((object) => object && index.valueOf(object));
      return values.flatMap((value) => (value === undefined ? [] : [indexMark(name, value)]));
    });
  }

  find(index: string, value: string, prefix: string): CachedObject[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new Error(`the watch cache has no index ${index}`);
    return found.find(value, prefix);
  }

  #replace(previous: CachedObject | undefined, current: CachedObject | undefined): void {
    if (current !== undefined) this.objects.set(current.key, current);
    else if (previous !== undefined) this.objects.delete(previous.key);
    for (const index of this.#indexes.values()) index.replace(previous, current);
  }
}

/** What was there before is the current one of an earlier commit, or was the object for long. */
function bytesOf({ events }: CachedCommit): number {
  return events.reduce((sum, { current, previous }) => sum + ((current ?? previous)?.value.length ?? 0), 0);
}

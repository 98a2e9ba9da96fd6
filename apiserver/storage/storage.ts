/** Counts every change of the whole store, from 1. It is the resourceVersion that clients see. */
export type Revision = number;

export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Of its last change. */
  readonly revision: Revision;
}

export interface Page {
  readonly entries: readonly Entry[];
  /** The revision at which all of them were read. */
  readonly revision: Revision;
  /** There is more behind the last entry. */
  readonly more: boolean;
}

/** As it lies in the store. */
export interface DumpedEntry extends Entry {
  /** What is left of its life, in whole seconds, at least 1; absent: it does not expire. */
  readonly expiresAfterSeconds?: number;
}

/** Everything below a prefix at one revision, for a backup. */
export interface Dump {
  readonly revision: Revision;
  /** How many entries there are. */
  readonly count: number;
  /** In key order. Neither writes nor compactions meanwhile hold it up or change it. */
  readonly pages: AsyncIterable<readonly DumpedEntry[]>;
}

/** Without `value` the key was deleted; without `previous` it was not there before. */
export interface Change {
  readonly key: string;
  readonly value?: Uint8Array;
  readonly previous?: Entry;
}

/** All changes of one revision (what expires together etcd deletes at one), or word that nothing up to `progress` is missing. */
export type WatchBatch = { readonly revision: Revision; readonly changes: readonly Change[] } | { readonly progress: Revision };

/**
 * An ordered key-value store with compare-and-swap writes and a replayable log: the little that Kubernetes needs of etcd.
 * Values are opaque bytes and hold no resourceVersion. Multi-version. No transactions: allocation and quota are single-key
 * compare-and-swap. Every implementation passes `describeStorage` in storage/conformance.ts.
 */
export interface Storage {
  /** Linearizable: at or after every write acknowledged before the call. */
  revision(): Promise<Revision>;
  get(key: string): Promise<Entry | undefined>;
  /**
   * Keys that begin with `prefix` and come after `after`, in key order (by UTF-8 bytes), all read at one revision, which the page
   * names. @throws StorageError Expired when `at` is compacted, Future when `at` has not been reached.
   */
  list(prefix: string, options?: { after?: string; limit?: number; at?: Revision }): Promise<Page>;
  count(prefix: string): Promise<number>;
  /**
   * For stores that have their values at hand without waiting: the value of a key at the revision of its last change, or of the change
   * before that for as long as its change is not announced. Undefined for any other. Whoever can ask need not keep values of their own.
   */
  valueAt?(key: string, revision: Revision): Uint8Array | undefined;
  /**
   * For the same stores: shows everything below `prefix`, as `list` would give it at once, without a copy of it. Each value is lent:
   * it is to be read before `look` returns. @returns the revision at which all of them were read @throws StorageError Expired
   */
  scan?(prefix: string, look: (entry: Entry) => void): Promise<Revision>;
  dump(prefix: string): Promise<Dump>;
  /**
   * Resolves once durable. Never retried inside. `value` is the storage's from then on: nobody changes it any more. `expected` is the revision of the entry that is replaced, 0: must not exist.
   * @throws StorageError AlreadyExists, Conflict, OutcomeUnknown, NoSpace, TooLarge.
   */
  put(key: string, value: Uint8Array, expected: Revision, options?: { expiresAfterSeconds?: number }): Promise<Entry>;
  /** @returns the revision of the deletion. @throws StorageError Conflict (also when it is not there), OutcomeUnknown. */
  delete(key: string, expected: Revision): Promise<Revision>;
  /**
   * Everything after `after`, in order, none lost, none twice, across reconnects. A batch holds all changes of its revision, each
   * with its previous value. Rejects with the signal's reason. @throws StorageError Expired once compacted.
   */
  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<WatchBatch>;
  /** Asks every watch for a `progress` soon. */
  requestProgress(): void;
  /** What lies there is not as it would be written now: a write that changes nothing changes that. Absent: never. */
  isStale?(key: string): Promise<boolean>;
  /** Forgets what only readers of revisions below this one need. */
  compact(revision: Revision): Promise<void>;
  close(): Promise<void>;
}

export type StorageReason =
  | "AlreadyExists"
  | "Conflict"
  | "Expired"
  | "Future"
  | "OutcomeUnknown"
  | "NoSpace"
  | "TooLarge"
  | "Unreadable"
  | "Locked"
  | "Corrupt"
  | "Unavailable";

export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly reason: StorageReason;

  constructor(reason: StorageReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export function hasStorageReason(error: unknown, ...reasons: StorageReason[]): error is StorageError {
  return error instanceof StorageError && reasons.includes(error.reason);
}

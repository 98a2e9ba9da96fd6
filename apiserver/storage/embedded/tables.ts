import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { open, type Database, type RootDatabase, type RootDatabaseOptions } from "lmdb";
import { emptyStoreRevision, type Commit } from "../commit.ts";
import { StorageError, type Revision } from "../storage.ts";
import { decodeCommit, encodeChanges } from "./log-record.ts";
import { damageOf } from "./page-check.ts";

/** When a key expires: the wall time in milliseconds, and how long it was to live, which bounds what a clock set back can add. */
export interface Lease {
  readonly deadline: number;
  readonly seconds: number;
}

/** What a key has. */
export interface Version {
  readonly revision: Revision;
  readonly value: Uint8Array;
}

/** Everything one commit writes. Applied together or not at all. */
export interface TableWrite {
  readonly commit: Commit;
  /** By key: its new lease, or undefined where it has none any more. */
  readonly leases: ReadonlyMap<string, Lease | undefined>;
}

/**
 * What lies on the disk:
 * - `objects`: key → revision (a double) and value;
 * - `log`: revision → its changes with their previous values;
 * - `leases`: key → deadline and seconds (doubles);
 * - `meta`: `format`, and the `revision` and `compacted` revision (doubles).
 *
 * Writes are durable when their promise resolves: lmdb syncs inside each transaction.
 */
export class Tables {
  readonly #directory: string;
  readonly #root: RootDatabase<Buffer, string>;
  readonly #objects: Database<Buffer, string>;
  readonly #log: Database<Buffer, number>;
  readonly #leases: Database<Buffer, string>;
  readonly #meta: Database<Buffer, string>;

  /** `settings` weaken what is promised here, and are for tests. */
  constructor(directory: string, settings: RootDatabaseOptions = {}) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
    const path = join(directory, "data");
    const isNew = !existsSync(path);
    const made = isNew ? `${path}-new` : path;
    if (isNew) removeFiles(made);
    else throwIfDamaged(directory, path);
    try {
      this.#root = open({
        path: made,
        maxDbs: 8,
        overlappingSync: false,
        eventTurnBatching: false,
        noSubdir: true,
        encoding: "binary",
        ...freeSpace,
        ...settings,
      });
      const table = <K extends string | number>(name: string) => this.#root.openDB<Buffer, K>({ name, encoding: "binary" });
      this.#objects = table("objects");
      this.#log = table("log");
      this.#leases = table("leases");
      this.#meta = table("meta");
      if (isNew) this.#meta.putSync("format", Buffer.from(format));
    } catch (error) {
      throw openingError(directory, error);
    }
    // It gets its name when it is whole, so that a file of that name that is not was damaged later.
    if (isNew) for (const suffix of ["-lock", ""]) renameSync(`${made}${suffix}`, `${path}${suffix}`);
    for (const name of readdirSync(directory)) {
      if (name.startsWith("data") && existsSync(join(directory, name))) chmodSync(join(directory, name), 0o600);
    }
    try {
      this.#checkFormat(directory);
    } catch (error) {
      void this.#root.close();
      throw error;
    }
  }

  get revision(): Revision {
    return this.#meta.get("revision")?.readDoubleBE() ?? emptyStoreRevision;
  }

  get compacted(): Revision {
    return this.#meta.get("compacted")?.readDoubleBE() ?? emptyStoreRevision;
  }

  /** Copies; nothing of it changes later. @throws StorageError Corrupt */
  value(key: string): Version | undefined {
    const stored = this.#objects.getBinary(key);
    return stored && this.#versionOf(key, stored);
  }

  /** As `value`, in a place that the next read writes over. */
  lentValue(key: string): Version | undefined {
    const stored = this.#objects.getBinaryFast(key);
    return stored && this.#versionOf(key, stored);
  }

  /** Brings the pages of these objects into memory off the main thread. */
  async prefetch(keys: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#objects.prefetch([...keys]);
  }

  /** Lets others run: a task of lmdb's worker thread, which comes back by the event loop. */
  async pause(): Promise<void> {
    await this.#meta.prefetch(["revision"]);
  }

  /** In their order, without a look at what they hold. */
  keys(): Iterable<string> {
    return this.#objects.getKeys({ snapshot: true });
  }

  *leases(): Generator<readonly [string, Lease]> {
    for (const { key, value } of this.#leases.getRange({})) {
      yield [key, { deadline: value.readDoubleBE(0), seconds: value.readDoubleBE(8) }];
    }
  }

  /** At most `limit` commits after `after` and up to `upTo`. */
  commits(after: Revision, upTo: Revision, limit: number): Commit[] {
    const range = this.#log.getRange({ start: after + 1, end: upTo + 1, limit });
    return Array.from(range, ({ key, value }) => decodeCommit(key, value));
  }

  /** Rejects with the cause that lmdb names; then nothing of it was applied if `rereadRevision` has not moved. */
  async write(writes: readonly TableWrite[]): Promise<void> {
    await this.#transact((operations) => {
      for (const { commit, leases } of writes) {
        for (const { key, value } of commit.changes) {
          if (value === undefined) operations.push(this.#objects.remove(key));
          else operations.push(this.#objects.put(key, Buffer.concat([double(commit.revision), value])));
        }
        for (const [key, lease] of leases) {
          if (lease === undefined) operations.push(this.#leases.remove(key));
          else operations.push(this.#leases.put(key, Buffer.concat([double(lease.deadline), double(lease.seconds)])));
        }
        operations.push(this.#log.put(commit.revision, encodeChanges(commit.changes)));
      }
      const last = writes.at(-1)?.commit.revision;
      if (last !== undefined) operations.push(this.#meta.put("revision", double(last)));
    });
  }

  /** Of a store that is empty: what is written comes behind this revision, as if everything up to there had been compacted. */
  beginBehind(revision: Revision): void {
    this.#root.transactionSync(() => {
      this.#meta.putSync("revision", double(revision));
      this.#meta.putSync("compacted", double(revision));
    });
  }

  /** The log begins behind this revision. */
  get forgotten(): Revision {
    const [first] = this.#log.getKeys({ limit: 1 });
    return first === undefined ? this.revision : first - 1;
  }

  /** Removes these commits from the log, and notes up to where none is to be read. */
  async forget(first: Revision, last: Revision, compacted: Revision): Promise<void> {
    await this.#transact((operations) => {
      for (let revision = first; revision <= last; revision++) operations.push(this.#log.remove(revision));
      operations.push(this.#meta.put("compacted", double(compacted)));
    });
  }

  /** What the log takes on the disk. */
  logBytes(): number {
    const stats = this.#log.getStats() as Readonly<
      Record<"pageSize" | "treeBranchPageCount" | "treeLeafPageCount" | "overflowPages", number>
    >;
    return stats.pageSize * (stats.treeBranchPageCount + stats.treeLeafPageCount + stats.overflowPages);
  }

  /** What is left for this user where the store lies. */
  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory);
    return bavail * bsize;
  }

  /** Whether lmdb would go on. It does not when it could not write which pages are valid, and then only the disk knows. */
  canWrite(): boolean {
    try {
      this.#root.transactionSync(() => undefined);
      return true;
    } catch {
      return false;
    }
  }

  /** What the disk says after a failed write. */
  rereadRevision(): Revision {
    this.#root.resetReadTxn();
    return this.revision;
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  /** One transaction. Each operation's promise rejects too when it fails, so none may be left unheard. */
  async #transact(add: (operations: Promise<boolean>[]) => void): Promise<void> {
    const operations: Promise<boolean>[] = [];
    const transaction = this.#root.batch(() => add(operations));
    const [outcome] = await Promise.allSettled([transaction, ...operations]);
    this.#root.resetReadTxn();
    if (outcome.status === "rejected") throw await causeOf(outcome.reason);
  }

  /** What is lent says by its `length` how much of it is the value. */
  #versionOf(key: string, stored: Buffer): Version {
    const revision = stored.length < 8 ? 0 : stored.readDoubleBE();
    if (!(revision >= 1)) throw corrupt(this.#directory, `is damaged: ${key} has no revision`);
    return { revision, value: stored.subarray(8, stored.length) };
  }

  #checkFormat(directory: string): void {
    const found = this.#meta.get("format")?.toString();
    if (found !== format) throw corrupt(directory, `has format ${found ?? "unknown"}, and this version reads ${format}`);
    const [last] = this.#log.getKeys({ reverse: true, limit: 1 });
    const expected = this.revision > this.compacted ? this.revision : (last ?? this.revision);
    if (last !== undefined && last !== expected)
      throw corrupt(directory, `is at revision ${expected}, and its log ends at ${last}`);
    if (last === undefined && this.revision > this.compacted) throw corrupt(directory, "has lost its log");
  }
}

/**
 * How many of the file's free pages lmdb has in its hands. It keeps them in one sorted list: with its own default of 50,000 a
 * single write took half a second some time after a large log had been compacted. With much fewer than these the file grows,
 * because what is written finds no gap of its size among them.
 */
const freeSpace = { maxFreeSpaceToLoad: 4000, maxFreeSpaceToRetain: 8000 };

const format = "skiff.1";

/** lmdb rejects with an error that says "see commitError", a promise that rejects with the real one. */
async function causeOf(error: unknown): Promise<unknown> {
  const commitError = (error as { commitError?: Promise<unknown> }).commitError;
  if (commitError === undefined) return error;
  return commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
}

function removeFiles(path: string): void {
  for (const suffix of ["", "-lock"]) rmSync(`${path}${suffix}`, { force: true });
}

/** @throws StorageError Corrupt */
function throwIfDamaged(directory: string, path: string): void {
  const damage = damageOf(path);
  if (damage !== undefined) throw corrupt(directory, `is damaged: ${damage}`);
}

function openingError(directory: string, cause: unknown): unknown {
  const { code, message } = cause as { readonly code?: unknown; readonly message: string };
  if (code === constants.errno.ENOSPC)
    return new StorageError("NoSpace", `there is no space left for a store in ${directory}`, { cause });
  return typeof code === "number" && code < 0 ? corrupt(directory, `cannot be opened: ${message}`, { cause }) : cause;
}

function corrupt(directory: string, problem: string, options?: ErrorOptions): StorageError {
  const advice = 'restore what was saved with "skiff snapshot restore FILE", or move the folder away to begin with nothing';
  return new StorageError("Corrupt", `the store in ${directory} ${problem}; ${advice}`, options);
}

function double(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(value);
  return bytes;
}

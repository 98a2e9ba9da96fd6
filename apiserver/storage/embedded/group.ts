import type { Commit } from "../commit.ts";
import { checkDeletable, checkExpected } from "../compare-and-swap.ts";
import type { Change, Entry, Revision } from "../storage.ts";
import type { Lease, TableWrite } from "./tables.ts";

export type WriteRequest = { readonly reject: (error: unknown) => void } & (
  | {
      readonly type: "put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly expected: Revision;
      readonly lease: Lease | undefined;
      readonly resolve: (entry: Entry) => void;
    }
  | { readonly type: "delete"; readonly key: string; readonly expected: Revision; readonly resolve: (revision: Revision) => void }
  /** Deletes what is still at the given revisions. */
  | { readonly type: "expire"; readonly revisions: ReadonlyMap<string, Revision | undefined>; readonly resolve: () => void }
);

/**
 * Writes that become durable together. Each is decided in its turn against what the ones before it will leave; lmdb itself would
 * not show them before its commit.
 */
export class Group {
  readonly writes: TableWrite[] = [];
  readonly #read: (key: string) => Entry | undefined;
  readonly #before = new Map<string, Entry | undefined>();
  readonly #after = new Map<string, Entry | undefined>();
  readonly #outcomes: { readonly succeed: () => void; readonly fail: (error: unknown) => void }[] = [];
  #revision: Revision;

  constructor(revision: Revision, read: (key: string) => Entry | undefined) {
    this.#revision = revision;
    this.#read = read;
  }

  /**
   * Rejects the request at once when its condition does not hold; or with the others, when it is one of them that it does not hold
   * after: a refusal says what is there, and what is not yet on the disk may never have been.
   */
  decide(request: WriteRequest): void {
    try {
      switch (request.type) {
        case "put":
          this.#put(request);
          break;
        case "delete":
          this.#delete(request);
          break;
        case "expire":
          this.#expire(request);
      }
    } catch (error) {
      if (request.type !== "expire" && this.#after.has(request.key)) {
        this.#outcomes.push({ succeed: () => request.reject(error), fail: request.reject });
      } else {
        request.reject(error);
      }
    }
  }

  /** What is written, and what of it the log keeps: about what it takes on the disk. */
  get bytes(): number {
    const sizes = this.writes.flatMap(({ commit }) => commit.changes);
    return sizes.reduce((sum, { value, previous }) => sum + 2 * (value?.length ?? 0) + (previous?.value.length ?? 0), 0);
  }

  has(key: string): boolean {
    return this.#before.has(key);
  }

  /** What the key held before the group. */
  before(key: string): Entry | undefined {
    return this.#before.get(key);
  }

  succeed(): void {
    for (const outcome of this.#outcomes) outcome.succeed();
  }

  fail(error: unknown): void {
    for (const outcome of this.#outcomes) outcome.fail(error);
  }

  #put(request: Extract<WriteRequest, { type: "put" }>): void {
    const { key, value, expected, lease } = request;
    const previous = this.#current(key);
    checkExpected(key, previous?.revision, expected);
    const revision = this.#add([{ key, value, ...(previous && { previous }) }], new Map([[key, lease]]));
    this.#outcomes.push({ succeed: () => request.resolve({ key, value, revision }), fail: request.reject });
  }

  #delete(request: Extract<WriteRequest, { type: "delete" }>): void {
    const { key, expected } = request;
    const previous = this.#current(key);
    checkDeletable(key, previous?.revision, expected);
    const revision = this.#add([{ key, ...(previous && { previous }) }], new Map([[key, undefined]]));
    this.#outcomes.push({ succeed: () => request.resolve(revision), fail: request.reject });
  }

  /** Each at a revision of its own: who watches and is cut off between two of them could not say otherwise which it has seen. */
  #expire(request: Extract<WriteRequest, { type: "expire" }>): void {
    const entries = [...request.revisions]
      .map(([key, revision]) => ({ entry: this.#current(key), revision }))
      .flatMap(({ entry, revision }) => (entry !== undefined && entry.revision === revision ? [entry] : []));
    if (entries.length === 0) {
      request.resolve();
      return;
    }
    for (const previous of entries) this.#add([{ key: previous.key, previous }], new Map([[previous.key, undefined]]));
    this.#outcomes.push({ succeed: request.resolve, fail: request.reject });
  }

  #current(key: string): Entry | undefined {
    return this.#after.has(key) ? this.#after.get(key) : this.#read(key);
  }

  #add(changes: readonly Change[], leases: TableWrite["leases"]): Revision {
    const revision = ++this.#revision;
    const commit: Commit = { revision, changes };
    for (const { key, value, previous } of changes) {
      if (!this.#before.has(key)) this.#before.set(key, previous);
      this.#after.set(key, value && { key, value, revision });
    }
    this.writes.push({ commit, leases });
    return revision;
  }
}

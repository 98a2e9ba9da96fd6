import { StorageError, type Revision } from "./storage.ts";

/**
 * The latest records in the order of their revisions. Readers keep a position and read on from it, so that a slow one costs no
 * buffer of its own.
 */
export class ChangeLog<R extends { readonly revision: Revision }> {
  #records: R[] = [];
  /** How many at the front of `#records` are forgotten. */
  #forgotten = 0;
  #floor: Revision;
  readonly #sizeOf: (record: R) => number;
  #bytes = 0;

  /** `sizeOf` for those that want to know `bytes`. */
  constructor(floor: Revision, sizeOf: (record: R) => number = () => 0) {
    this.#floor = floor;
    this.#sizeOf = sizeOf;
  }

  /** Of all records together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Every change after this revision is here. */
  get floor(): Revision {
    return this.#floor;
  }

  get length(): number {
    return this.#records.length - this.#forgotten;
  }

  get oldest(): R | undefined {
    return this.#records[this.#forgotten];
  }

  append(record: R): void {
    this.#records.push(record);
    this.#bytes += this.#sizeOf(record);
  }

  /** At most `limit` records after `revision`, in order. @throws StorageError Expired below the floor */
  after(revision: Revision, limit = Infinity): readonly R[] {
    if (revision < this.#floor) throw expired(revision, this.#floor);
    const start = this.#firstAfter(revision);
    return this.#records.slice(start, Math.min(start + limit, this.#records.length));
  }

  findLast(matches: (record: R) => boolean): R | undefined {
    for (let index = this.#records.length - 1; index >= this.#forgotten; index--) {
      const record = this.#records[index];
      if (record !== undefined && matches(record)) return record;
    }
    return undefined;
  }

  /** Forgets the records up to and including `revision`. */
  forget(revision: Revision): void {
    if (revision <= this.#floor) return;
    this.#floor = revision;
    const kept = this.#firstAfter(revision);
    for (let index = this.#forgotten; index < kept; index++) this.#bytes -= this.#sizeOf(this.#records[index] as R);
    this.#forgotten = kept;
    if (this.#forgotten * 2 < this.#records.length) return;
    this.#records = this.#records.slice(this.#forgotten);
    this.#forgotten = 0;
  }

  forgetOldest(): void {
    if (this.oldest !== undefined) this.forget(this.oldest.revision);
  }

  #firstAfter(revision: Revision): number {
    let low = this.#forgotten;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#records[middle]?.revision ?? Infinity) <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Worded as etcd words it, which clients have seen for years. */
export function expired(revision: Revision, floor: Revision): StorageError {
  return new StorageError("Expired", `required revision ${revision} has been compacted (the oldest is ${floor})`);
}

export function future(revision: Revision, current: Revision): StorageError {
  return new StorageError("Future", `required revision ${revision} is a future one (the current is ${current})`);
}

import type { Revision } from "../storage/storage.ts";
import type { CachedObject } from "./cached-object.ts";

/**
 * What this process has written and the cache has not seen yet: a store that is another process answers a write and tells of it in
 * two ways, and whoever asked for the write may ask for the next one in between.
 */
export class UnseenWrites {
  readonly #latest = new Map<string, CachedObject>();

  get(key: string): CachedObject | undefined {
    return this.#latest.get(key);
  }

  /** Its revision has not been seen. */
  add(object: CachedObject): void {
    const known = this.#latest.get(object.key);
    if (known === undefined || known.revision < object.revision) this.#latest.set(object.key, object);
  }

  /** A change of this key has come by. */
  seen(key: string, revision: Revision): void {
    const written = this.#latest.get(key);
    if (written !== undefined && written.revision <= revision) this.#latest.delete(key);
  }

  /** Everything up to this revision has been listed. */
  seenUpTo(revision: Revision): void {
    for (const key of this.#latest.keys()) this.seen(key, revision);
  }
}

import type { Dump, Entry, Page, Revision, Storage, WatchBatch } from "./storage.ts";

/** Passes everything on: for who wants to see or refuse some of it, and to leave the rest as it is. */
export class ForwardingStorage implements Storage {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  revision(): Promise<Revision> {
    return this.#storage.revision();
  }

  get(key: string): Promise<Entry | undefined> {
    return this.#storage.get(key);
  }

  list(prefix: string, options?: { after?: string; limit?: number; at?: Revision }): Promise<Page> {
    return this.#storage.list(prefix, options);
  }

  count(prefix: string): Promise<number> {
    return this.#storage.count(prefix);
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

  watch(prefix: string, after: Revision, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return this.#storage.watch(prefix, after, signal);
  }

  requestProgress(): void {
    this.#storage.requestProgress();
  }

  compact(revision: Revision): Promise<void> {
    return this.#storage.compact(revision);
  }

  close(): Promise<void> {
    return this.#storage.close();
  }
}

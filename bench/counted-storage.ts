import type { Entry, Page, Revision, Storage, WatchBatch } from "#apiserver/storage/storage";

/** Counts what is really written, whoever writes it: `create pods`, `update pods`, `delete pods`. */
export class CountedStorage implements Storage {
  readonly writes = new Map<string, number>();
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async put(key: string, value: Uint8Array, expected: Revision, options?: { expiresAfterSeconds?: number }): Promise<Entry> {
    const entry = await this.#storage.put(key, value, expected, options);
    this.#count(expected === 0 ? "create" : "update", key);
    return entry;
  }

  async delete(key: string, expected: Revision): Promise<Revision> {
    const revision = await this.#storage.delete(key, expected);
    this.#count("delete", key);
    return revision;
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

  #count(verb: string, key: string): void {
    // `/registry/[GROUP/]RESOURCE/…`: the groups of those that are counted are words without a dot.
    const [, , first = "", second = ""] = key.split("/");
    const name = `${verb} ${first === "apps" ? second : first}`;
    this.writes.set(name, (this.writes.get(name) ?? 0) + 1);
  }
}

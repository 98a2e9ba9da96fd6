import type { Change, Dump, Entry, Page, Revision, Storage, WatchBatch } from "../storage.ts";
import type { ValueCipher } from "./value-cipher.ts";

/** A store whose values are encrypted, in front of whoever reads and writes them. A dump shows them as they are kept. */
export class EncryptedStorage implements Storage {
  readonly #storage: Storage;
  readonly #cipher: ValueCipher;

  constructor(storage: Storage, cipher: ValueCipher) {
    this.#storage = storage;
    this.#cipher = cipher;
  }

  revision(): Promise<Revision> {
    return this.#storage.revision();
  }

  async get(key: string): Promise<Entry | undefined> {
    const entry = await this.#storage.get(key);
    return entry && this.#plain(entry);
  }

  async list(prefix: string, options?: { after?: string; limit?: number; at?: Revision }): Promise<Page> {
    const page = await this.#storage.list(prefix, options);
    return { ...page, entries: page.entries.map((entry) => this.#plain(entry)) };
  }

  count(prefix: string): Promise<number> {
    return this.#storage.count(prefix);
  }

  dump(prefix: string): Promise<Dump> {
    return this.#storage.dump(prefix);
  }

  async put(key: string, value: Uint8Array, expected: Revision, options?: { expiresAfterSeconds?: number }): Promise<Entry> {
    const { revision } = await this.#storage.put(key, this.#cipher.encrypt(key, value), expected, options);
    return { key, value, revision };
  }

  delete(key: string, expected: Revision): Promise<Revision> {
    return this.#storage.delete(key, expected);
  }

  async *watch(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    for await (const batch of this.#storage.watch(prefix, after, signal)) {
      if ("progress" in batch) yield batch;
      else yield { revision: batch.revision, changes: batch.changes.map((change) => this.#plainChange(change)) };
    }
  }

  requestProgress(): void {
    this.#storage.requestProgress();
  }

  compact(revision: Revision): Promise<void> {
    return this.#storage.compact(revision);
  }

  async isStale(key: string): Promise<boolean> {
    if (this.#cipher.knowsOneWay) return false;
    const entry = await this.#storage.get(key);
    return entry !== undefined && this.#cipher.decrypt(key, entry.value).isStale;
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  #plain({ key, value, revision }: Entry): Entry {
    return { key, value: this.#cipher.decrypt(key, value).value, revision };
  }

  #plainChange({ key, value, previous }: Change): Change {
    return {
      key,
      ...(value && { value: this.#cipher.decrypt(key, value).value }),
      ...(previous && { previous: this.#plain(previous) }),
    };
  }
}

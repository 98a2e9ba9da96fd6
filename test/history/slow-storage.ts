import { ForwardingStorage } from "#apiserver/storage/forwarding-storage.testing";
import type { Entry, Revision, Storage, WatchBatch } from "#apiserver/storage/storage";
import type { Clock } from "#base/clock";
import type { Random } from "#base/random";

/** As far away as an etcd: what others do meanwhile comes in between, before a write and behind it, and events come later than answers. */
export class SlowStorage extends ForwardingStorage {
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(storage: Storage, { clock, random }: { clock: Clock; random: Random }) {
    super(storage);
    this.#clock = clock;
    this.#random = random;
  }

  override revision(): Promise<Revision> {
    return this.#slowly(() => super.revision());
  }

  override get(key: string): Promise<Entry | undefined> {
    return this.#slowly(() => super.get(key));
  }

  override put(...args: Parameters<Storage["put"]>): Promise<Entry> {
    return this.#slowly(() => super.put(...args));
  }

  override delete(...args: Parameters<Storage["delete"]>): Promise<Revision> {
    return this.#slowly(() => super.delete(...args));
  }

  override async *watch(...args: Parameters<Storage["watch"]>): AsyncGenerator<WatchBatch> {
    for await (const batch of super.watch(...args)) {
      await this.#sometimesWait();
      yield batch;
    }
  }

  async #slowly<T>(call: () => Promise<T>): Promise<T> {
    await this.#sometimesWait();
    const answer = await call();
    await this.#sometimesWait();
    return answer;
  }

  async #sometimesWait(): Promise<void> {
    if (this.#random.float() < 0.5) await this.#clock.sleep(this.#random.float() * 4);
  }
}

import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { Commit } from "../commit.ts";
import { hasStorageReason, type Revision } from "../storage.ts";
import { readError } from "./etcd-failure.ts";
import type { KeySpace } from "./key-space.ts";
import type { Member, Members, WatchStream } from "./members.ts";
import type { OwnValues } from "./own-values.ts";
import { answersProgressInOrder } from "./server-version.ts";
import { readResponses, WatchCancelled, type StreamItem } from "./watch-responses.ts";

export interface WatchDependencies {
  readonly members: Members;
  readonly keys: KeySpace;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const firstBackoffMs = 20;
const longestBackoffMs = 1_000;
const versionTimeoutMs = 2_000;
/** An etcd that is away for long is not worth a line each second. */
const failuresPerLine = 30;

/**
 * One reader of all that happens below the store's prefix, across reconnects: each goes on behind the last revision that was
 * delivered. Everything below the prefix, because then every write of ours is seen as an event, and to have seen revision N says
 * that nothing up to N is missing.
 */
export class ResumingWatch {
  readonly #deps: WatchDependencies;
  readonly #own: OwnValues | undefined;
  #position: Revision;
  #stream: WatchStream | undefined;
  #isOpen = false;
  #progressIsInOrder = false;

  constructor(after: Revision, deps: WatchDependencies, own?: OwnValues) {
    this.#position = after;
    this.#deps = deps;
    this.#own = own;
  }

  /** Nothing up to this revision is missing. */
  get position(): Revision {
    return this.#position;
  }

  /** The server follows for us now. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Everything after the position, in order, for as long as the consumer pulls. Rejects with the signal's reason.
   * @throws StorageError Expired
   */
  async *read(signal: AbortSignal): AsyncGenerator<Commit | { readonly progress: Revision }> {
    for (let failures = 0; ; failures++) {
      signal.throwIfAborted();
      const member = this.#deps.members.current;
      const before = this.#position;
      try {
        yield* this.#readOnce(member, signal);
        this.#lost(member, new WatchCancelled("etcd ended the stream"), failures);
      } catch (error) {
        signal.throwIfAborted();
        if (hasStorageReason(error, "Expired")) throw error;
        this.#lost(member, error, failures);
      }
      if (this.#position > before) failures = 0;
      await this.#deps.clock.sleep(this.#backoffMs(failures), signal);
    }
  }

  /**
   * Makes sure that the position comes to pass the present revision soon, though others write to this etcd and not to us: by asking
   * for progress where an answer can be trusted, else by a write of our own. The caller repeats it when nothing comes.
   */
  async nudge(): Promise<void> {
    const { members, keys } = this.#deps;
    if (this.#progressIsInOrder) this.#stream?.write({ progress_request: {} });
    else if (this.#isOpen)
      await members.call((client, options) => client.kv.put({ key: keys.toEtcd(keys.fence), value: Buffer.alloc(0) }, options));
  }

  /** Gives up a connection that delivers nothing, for another one. */
  reconnect(): void {
    this.#stream?.cancel();
  }

  async *#readOnce(member: Member, signal: AbortSignal): AsyncGenerator<Commit | { readonly progress: Revision }> {
    const { members, keys } = this.#deps;
    this.#progressIsInOrder = await this.#asksInOrder(member);
    const stream = await members.openWatch(member);
    const cancel = (): void => stream.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    this.#stream = stream;
    try {
      signal.throwIfAborted();
      const start = this.#position + 1;
      stream.write({ create_request: { ...keys.everything, start_revision: start, prev_kv: true, fragment: true } });
      yield* this.#follow(readResponses(stream, keys, this.#own));
    } finally {
      signal.removeEventListener("abort", cancel);
      this.#isOpen = false;
      this.#stream = undefined;
      stream.cancel();
    }
  }

  async *#follow(items: AsyncIterable<StreamItem>): AsyncGenerator<Commit | { readonly progress: Revision }> {
    let opened: Revision = 0;
    for await (const item of items) {
      if ("opened" in item) {
        ({ opened } = item);
        if (opened > this.#position) await this.#checkNotCompacted();
        this.#isOpen = true;
        continue;
      }
      const revision = "progress" in item ? item.progress : item.revision;
      if (revision <= this.#position) continue;
      if (revision > this.#position + 1 && this.#position < opened) await this.#checkNotCompacted();
      this.#position = revision;
      yield item;
    }
  }

  /**
   * etcd takes a watch that starts at the very revision it compacted to, whose deletions it may have forgotten. Only a watch that
   * starts behind a revision that can still be read misses nothing. @throws StorageError Expired
   */
  async #checkNotCompacted(): Promise<void> {
    if (this.#position === 0) return;
    const { members, keys } = this.#deps;
    const range = { key: keys.toEtcd(keys.fence), revision: String(this.#position), count_only: true };
    try {
      await members.call((client, options) => client.kv.range(range, options));
    } catch (error) {
      throw readError(error);
    }
  }

  async #asksInOrder(member: Member): Promise<boolean> {
    const { clock } = this.#deps;
    const { version } = await member.client.maintenance.status({ deadline: clock.now() + versionTimeoutMs });
    return answersProgressInOrder(version);
  }

  #lost(member: Member, error: unknown, failures: number): void {
    const { members, log } = this.#deps;
    if (error instanceof WatchCancelled) members.renew(member);
    members.leave(member);
    if (failures % failuresPerLine !== 0) return;
    log.warn("a watch of etcd was lost and goes on from where it was", { server: member.url, position: this.#position, error });
  }

  #backoffMs(failures: number): number {
    const { random } = this.#deps;
    return Math.min(firstBackoffMs * 2 ** failures, longestBackoffMs) * (0.5 + random.float());
  }
}

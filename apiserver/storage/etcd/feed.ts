import { ChangeLog, expired } from "../change-log.ts";
import type { Commit } from "../commit.ts";
import { Followers, type Followed } from "../followers.ts";
import { hasStorageReason, StorageError, type Revision } from "../storage.ts";
import { OwnValues } from "./own-values.ts";
import { ResumingWatch, type WatchDependencies } from "./resuming-watch.ts";

/** How much of the latest history is kept here. Who reads slower gets it from etcd. */
const mostCommits = 4_096;
const mostBytes = 16 * 1024 * 1024;

/** Our own writes come by as events within this time; only others' leave a gap that somebody must ask about. */
const patienceMs = 10;
const askAgainMs = 100;
/** A connection that still delivers nothing is given up. */
const longestSilenceMs = 5_000;

/**
 * The one watch that this process has of etcd, and its latest commits, for any number of readers: each write is transferred once.
 * Its position is the proof of being up to date: nothing up to it is missing, for no prefix.
 */
export class Feed {
  /** What is being written here, which then comes by. */
  readonly own = new OwnValues();
  readonly #deps: WatchDependencies;
  readonly #revision: () => Promise<Revision>;
  readonly #fence: string;
  #watch: ResumingWatch;
  #log: ChangeLog<Commit>;
  #followers: Followers;
  #bytes = 0;
  #wanted: Revision = 0;
  #isNudging = false;

  /** `revision` is linearizable. */
  constructor(start: Revision, revision: () => Promise<Revision>, deps: WatchDependencies) {
    this.#deps = deps;
    this.#revision = revision;
    this.#fence = deps.keys.fence;
    this.#watch = new ResumingWatch(start, deps, this.own);
    this.#log = new ChangeLog(start);
    this.#followers = new Followers(start);
  }

  /** Every change after this revision is here. */
  get floor(): Revision {
    return this.#log.floor;
  }

  get position(): Revision {
    return this.#followers.revision;
  }

  get isOpen(): boolean {
    return this.#watch.isOpen;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      try {
        for await (const item of this.#watch.read(signal)) this.#take(item);
      } catch (error) {
        if (stopped()) break;
        if (hasStorageReason(error, "Expired")) await this.#startOver(signal);
        else throw error;
      }
    }
    this.#followers.end(new StorageError("Unavailable", "the store is closed"));
  }

  /** The commits of any prefix after a revision that is not below the floor. @throws Behind when it falls below it. */
  follow(prefix: string, after: Revision, signal: AbortSignal): AsyncGenerator<Followed<Commit>> {
    const log = this.#log;
    const read = (from: Revision): readonly Commit[] => {
      if (from < log.floor) throw new Behind();
      return log.after(from, 256);
    };
    return this.#followers.follow(prefix, after, signal, read);
  }

  /** Tells every reader how far nothing is missing as soon as that is at least `revision`, and sees to it that it comes to be. */
  reach(revision: Revision, signal: AbortSignal): void {
    if (this.position >= revision) {
      this.#followers.requestProgress();
      return;
    }
    this.#wanted = Math.max(this.#wanted, revision);
    if (this.#isNudging) return;
    this.#isNudging = true;
    void this.#nudge(signal).finally(() => (this.#isNudging = false));
  }

  /** The history up to `revision` is not to be read any more. */
  forget(revision: Revision): void {
    while ((this.#log.oldest?.revision ?? Infinity) <= revision) this.#forgetOldest();
    this.#log.forget(Math.min(revision, this.position));
  }

  #take(item: Commit | { readonly progress: Revision }): void {
    if ("progress" in item) this.#followers.advance(item.progress);
    else this.#append(item);
    if (this.#wanted > this.position || this.#wanted === 0) return;
    this.#wanted = 0;
    this.#followers.requestProgress();
  }

  #append({ revision, changes: all }: Commit): void {
    const changes = all.filter(({ key }) => key !== this.#fence);
    if (changes.length === 0) {
      this.#followers.advance(revision);
      return;
    }
    const commit = { revision, changes };
    this.#log.append(commit);
    this.#bytes += sizeOf(commit);
    while (this.#log.length > 1 && (this.#log.length > mostCommits || this.#bytes > mostBytes)) this.#forgetOldest();
    this.#followers.announce({ revision, keys: changes.map(({ key }) => key) });
  }

  #forgetOldest(): void {
    const { oldest } = this.#log;
    if (oldest === undefined) return;
    this.#bytes -= sizeOf(oldest);
    this.#log.forgetOldest();
  }

  async #nudge(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const pause = async (ms: number): Promise<void> => clock.sleep(ms, signal).catch(() => undefined);
    let heardAt = clock.monotonic();
    await pause(patienceMs);
    for (let seen = this.position; !signal.aborted && this.position < this.#wanted;) {
      await this.#watch.nudge().catch((error: unknown) => log.debug("etcd could not be asked for progress", { error }));
      await pause(askAgainMs);
      if (this.position > seen || !this.#watch.isOpen) heardAt = clock.monotonic();
      seen = this.position;
      if (clock.monotonic() - heardAt < longestSilenceMs) continue;
      log.warn("a watch of etcd delivers nothing and is opened anew", { position: seen, wanted: this.#wanted });
      this.#watch.reconnect();
      heardAt = clock.monotonic();
    }
  }

  /** What was compacted before it came here cannot be had any more: all readers must list again. */
  async #startOver(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const lost = this.position;
    for (;;) {
      try {
        const revision = await this.#revision();
        const previous = this.#followers;
        this.own.clear();
        this.#watch = new ResumingWatch(revision, this.#deps, this.own);
        this.#log = new ChangeLog(revision);
        this.#followers = new Followers(revision);
        this.#bytes = 0;
        previous.end(expired(lost, revision));
        log.warn("etcd compacted what had not been seen here", { seen: lost, revision });
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.debug("etcd is not there to start over from", { error });
        await clock.sleep(askAgainMs * 10, signal).catch(() => undefined);
      }
    }
  }
}

/** A reader's position has left what is kept here. */
export class Behind extends Error {}

function sizeOf({ changes }: Commit): number {
  return changes.reduce((sum, { value, previous }) => sum + (value?.length ?? 0) + (previous?.value.length ?? 0), 0);
}

import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import { TimeSlices } from "#base/time-slices";
import { keyOf, keyText, type KubeObject, type ObjectKey, type Stored } from "#api/object";
import type { ResourceType } from "#api/resource-type";
import { hasReason } from "#api/status";
import { type Observable, Subject } from "rxjs";
import type { ApiReader } from "./api-client.ts";
import { Backoff } from "./backoff.ts";
import { type IndexFunction, type Lister, Store } from "./store.ts";

export type Change<T extends KubeObject> =
  | { readonly type: "added"; readonly object: Stored<T> }
  | { readonly type: "updated"; readonly object: Stored<T>; readonly old: Stored<T> }
  /** `object` is the last state known, which after a lost connection may not be the last there was. */
  | { readonly type: "deleted"; readonly object: Stored<T> };

export interface InformerOptions<T extends KubeObject> {
  readonly client: ApiReader;
  readonly type: ResourceType<T>;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly indexes?: Readonly<Record<string, IndexFunction<T>>>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/**
 * Keeps the objects of one kind in memory by listing them once and watching from there.
 *
 * Guarantees, as client-go's: each object goes through its states in order, possibly skipping some, never back; a change is announced
 * after the store shows it; every object that is there when it starts, or comes later, is announced, and so is every deletion, also one
 * that happened while the connection was lost. An object that is replaced by another of the same name is announced as deleted and added.
 * Failures are retried for ever, slower and slower.
 */
export class Informer<T extends KubeObject> implements Lister<T> {
  readonly type: ResourceType<T>;
  readonly #options: InformerOptions<T>;
  readonly #store: Store<T>;
  readonly #changes = new Subject<Change<T>>();
  readonly #progress = new Subject<string>();
  readonly #backoff: Backoff;
  #resourceVersion = "";
  #synced = false;
  readonly #waitingForList: (() => void)[] = [];
  #interrupt = new AbortController();

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.type = options.type;
    this.#store = new Store(options.indexes);
    this.#backoff = new Backoff({ ...options, initialMs: 800, maxMs: 30_000 });
  }

  /** Hot: who subscribes late reads the store first. Subscribers must not throw. */
  get changes(): Observable<Change<T>> {
    return this.#changes;
  }

  /** The version reached, each time it moves: after changes, bookmarks and relists. */
  get progress(): Observable<string> {
    return this.#progress;
  }

  /** Everything up to here is in the store. Empty before the first list. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  get hasSynced(): boolean {
    return this.#synced;
  }

  /** Resolves once the first list is in the store. @throws the signal's reason. */
  synced(signal: AbortSignal): Promise<void> {
    return this.#synced ? Promise.resolve() : this.#listed(signal);
  }

  get(key: ObjectKey): Stored<T> | undefined {
    return this.#store.get(key);
  }

  list(namespace?: string): readonly Stored<T>[] {
    return this.#store.list(namespace);
  }

  byIndex(index: string, value: string): readonly Stored<T>[] {
    return this.#store.byIndex(index, value);
  }

  /** What the store knows of an object's identity and age. */
  seen(key: ObjectKey): { readonly uid: string; readonly resourceVersion: string } | undefined {
    return this.#store.get(key)?.metadata;
  }

  /**
   * Lists anew, for who suspects that the watch has gone silent or must know what a lost request did. Resolves when a list that began
   * after the call is in the store. @throws the signal's reason.
   */
  relist(signal: AbortSignal): Promise<void> {
    // A list that runs already is given up, so that whichever ends next began after this.
    this.#interrupt.abort(new Error("asked to list again"));
    return this.#listed(signal);
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let listed = false;
    while (!signal.aborted) {
      listed &&= !this.#interrupt.signal.aborted;
      this.#interrupt = new AbortController();
      const interrupted = AbortSignal.any([signal, this.#interrupt.signal]);
      try {
        if (!listed) await this.#list(interrupted);
        listed = true;
        await this.#watch(interrupted);
      } catch (error) {
        listed = await this.#recover(error, listed, signal);
      }
    }
  }

  /** @returns whether the version reached is still good to watch from. */
  async #recover(error: unknown, listed: boolean, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted || this.#interrupt.signal.aborted) return false;
    const { log, type } = this.#options;
    const expired = hasReason(error, "Expired", "Gone");
    if (listed && expired) {
      log.info("the watch fell behind: listing again", { resource: type.resource });
      return false;
    }
    log.warn(listed ? "the watch broke" : "the list failed", { resource: type.resource, reason: (error as Error).message });
    await this.#backoff.wait(signal).catch(() => undefined);
    // Anything else may mean that the server does not know our version at all, e.g. because its store is a new one.
    return listed && hasReason(error, "ServiceUnavailable", "TooManyRequests", "InternalError", "ServerTimeout");
  }

  #listed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = () => reject(signal.reason as Error);
      if (signal.aborted) aborted();
      signal.addEventListener("abort", aborted, { once: true });
      this.#waitingForList.push(() => {
        signal.removeEventListener("abort", aborted);
        resolve();
      });
    });
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, type, ...options } = this.#options;
    const list = await client.list(type, { ...selection(options), signal });
    signal.throwIfAborted();
    // The first list finds nothing that could be gone.
    const missing = new Set(this.#store.keys());
    // A long list is taken in without keeping others in this process waiting.
    const slices = new TimeSlices(this.#options.clock);
    for (const object of list.items) {
      const key = keyText(keyOf(object));
      missing.delete(key);
      this.#put(key, object);
      if (slices.isOver) await slices.next(signal);
    }
    for (const key of missing) this.#delete(key);
    this.#reached(list.metadata.resourceVersion ?? "");
    this.#synced = true;
    for (const wake of this.#waitingForList.splice(0)) wake();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, type, random, ...options } = this.#options;
    const started = this.#options.clock.monotonic();
    const events = client.watch(type, {
      ...selection(options),
      resourceVersion: this.#resourceVersion,
      allowWatchBookmarks: true,
      timeoutSeconds: Math.floor(300 * (1 + random.float())),
      signal,
    });
    let quiet = true;
    for await (const event of events) {
      quiet = false;
      this.#backoff.reset();
      if (event.type === "BOOKMARK") {
        this.#reached(event.resourceVersion);
        continue;
      }
      if (event.type === "DELETED") this.#delete(keyText(keyOf(event.object)), event.object);
      else this.#put(keyText(keyOf(event.object)), event.object);
      this.#reached(event.object.metadata.resourceVersion);
    }
    // A server that ends watches as soon as they begin must not be hammered.
    if (quiet && this.#options.clock.monotonic() - started < 1000) await this.#backoff.wait(signal);
  }

  #put(key: string, object: Stored<T>): void {
    const old = this.#store.at(key);
    if (old?.metadata.uid === object.metadata.uid && old.metadata.resourceVersion === object.metadata.resourceVersion) return;
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) this.#delete(key);
    this.#store.put(object, key);
    const replaced = old?.metadata.uid === object.metadata.uid;
    this.#changes.next(replaced ? { type: "updated", object, old } : { type: "added", object });
  }

  #delete(key: string, last?: Stored<T>): void {
    const old = this.#store.delete(key);
    if (old !== undefined) this.#changes.next({ type: "deleted", object: last ?? old });
  }

  #reached(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
    this.#progress.next(resourceVersion);
  }
}

function selection({ namespace, labelSelector, fieldSelector }: Omit<InformerOptions<never>, "client" | "type" | "random">) {
  return {
    ...(namespace !== undefined && { namespace }),
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
}

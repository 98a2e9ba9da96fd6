import type { KubeObject } from "#api/object";
import type { EncodedEvent } from "#api/request";
import { apiVersionOf } from "#api/resource-type";
import { isTrue } from "#api/query";
import { StatusError } from "#api/status";
import type { Clock } from "#base/clock";
import { StorageError } from "../storage/storage.ts";
import type { CachedEvent } from "../watch/cache-state.ts";
import { eventLine, type CachedObject } from "../watch/cached-object.ts";
import { atVersion, currentItems, nodeIndex, onlyKey } from "./list-objects.ts";
import { watchOptions } from "./list-options.ts";
import type { ResourceStore } from "./resource-store.ts";
import type { Selection } from "./selection.ts";
import { keyPrefix } from "./storage-keys.ts";

const bookmarkEveryMs = 60_000;
/** A last bookmark goes out this long before the end, so that the client resumes from close by. */
const bookmarkBeforeEndMs = 2_000;
const initialEventsEnd = "k8s.io/initial-events-end";

export interface WatchRequest {
  readonly selection: Selection;
  readonly query: URLSearchParams;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/**
 * The changes of the selected objects from the asked version on: none lost, none twice, in order. It ends by returning, when its
 * time is up or the reader is too slow, and with an ERROR event when the version has left the log.
 */
export async function watchObjects(store: ResourceStore, request: WatchRequest): Promise<AsyncIterable<readonly EncodedEvent[]>> {
  const { version } = watchOptions(request.query);
  const initial = request.query.get("sendInitialEvents");
  // Without an opinion it is upstream's old habit that decides.
  const withInitial = initial === null ? version === "" || version === "0" : isTrue(initial);
  if (version === "") await store.cache.freshen(request);
  else if (version !== "0") await atVersion(store, version, request);
  // Who does not mind from where begins with now.
  const from = version === "" || version === "0" ? store.cache.current : Number(version);
  return follow(store, request, from, withInitial);
}

async function* follow(
  store: ResourceStore,
  request: WatchRequest,
  from: number,
  withInitial: boolean,
): AsyncGenerator<readonly EncodedEvent[]> {
  const { selection, query, clock } = request;
  const prefix = keyPrefix(store.definition.type, selection.namespace);
  const ends = new AbortController();
  const signal = AbortSignal.any([request.signal, ends.signal]);
  const endsAt = clock.monotonic() + request.timeoutMs;
  const bookmarks = isTrue(query.get("allowWatchBookmarks"));
  let seen = from;
  try {
    if (withInitial) {
      seen = store.cache.current;
      const initial = currentItems(store, selection, prefix).filter((item) => matches(selection, item));
      if (initial.length > 0) yield initial.map(addedEvent);
      if (query.has("sendInitialEvents") && bookmarks) yield [bookmark(store, seen, { [initialEventsEnd]: "true" })];
    }
    const changes = store.cache
      .watchCached(onlyKey(store, selection) ?? prefix, seen, signal, nodeIndex(selection))
      [Symbol.asyncIterator]();
    let pending = quiet(changes.next());
    let bookmarkDue = false;
    let bookmarked: number | undefined;
    const alarm = new Alarm(clock, signal);
    const setAlarm = (): void => {
      const now = clock.monotonic();
      const last = endsAt - now > bookmarkBeforeEndMs ? endsAt - bookmarkBeforeEndMs : endsAt;
      alarm.set(Math.min(now + bookmarkEveryMs, last));
    };
    setAlarm();
    for (;;) {
      const next = await alarm.orSooner(pending);
      if (endsAt <= clock.monotonic()) {
        if (bookmarks && seen !== bookmarked) yield [bookmark(store, seen)];
        return;
      }
      if (next === "later") {
        setAlarm();
        bookmarkDue = bookmarks;
        if (bookmarks) store.cache.requestProgress();
        continue;
      }
      if (next.done === true) return;
      pending = quiet(changes.next());
      if ("progress" in next.value) {
        seen = Math.max(seen, next.value.progress);
        if (bookmarkDue) yield [bookmark(store, seen)];
        if (bookmarkDue) bookmarked = seen;
        bookmarkDue = false;
        continue;
      }
      const selected = next.value.events.flatMap((change) => selectedEvent(change, selection));
      seen = next.value.events.at(-1)?.revision ?? seen;
      if (selected.length > 0) yield selected;
    }
  } catch (error) {
    if (request.signal.aborted) return;
    if (error instanceof StorageError && error.reason === "Expired") {
      yield [errorEvent(new StatusError("Expired", `too old resource version: ${seen} (${store.cache.current})`))];
      return;
    }
    // The server stops, or has lost its store: nothing was missed, and the client comes back.
    if (error instanceof StorageError && error.reason === "Unavailable") return;
    throw error;
  } finally {
    ends.abort(over);
  }
}

/** One for all: an error of its own for each would cost its stack. */
const over = new Error("the watch is over");

/** What a change means to one watcher: matching is all it sees of the world. */
function selectedEvent({ current, previous, revision }: CachedEvent, selection: Selection): EncodedEvent[] {
  const isIn = current !== undefined && matches(selection, current);
  const wasIn = previous !== undefined && matches(selection, previous);
  if (isIn) return [current.event(wasIn ? "MODIFIED" : "ADDED")];
  return wasIn ? [previous.withRevision(revision).event("DELETED")] : [];
}

/** Who selects everything needs nothing parsed. */
function matches(selection: Selection, item: CachedObject): boolean {
  return !selection.isNarrowed || selection.matches(item.object);
}

/** Of what was there before: seldom asked for, and not kept. */
function addedEvent(item: CachedObject): EncodedEvent {
  return {
    type: "ADDED",
    get object() {
      return item.object;
    },
    bytes: () => eventLine("ADDED", item.bytes()),
  };
}

function bookmark(store: ResourceStore, revision: number, annotations?: Readonly<Record<string, string>>): EncodedEvent {
  const { type } = store.definition;
  const metadata = { resourceVersion: String(revision), ...(annotations && { annotations }) };
  const object: KubeObject = { kind: type.kind, apiVersion: apiVersionOf(type), metadata };
  return { type: "BOOKMARK", object, bytes: () => eventLine("BOOKMARK", Buffer.from(JSON.stringify(object))) };
}

function errorEvent(error: StatusError): EncodedEvent {
  const object = error.toStatus() as unknown as KubeObject;
  return { type: "ERROR", object, bytes: () => eventLine("ERROR", Buffer.from(JSON.stringify(object))) };
}

/** One that is given up when the watch ends may still reject later, with nobody listening. */
function quiet<T>(pending: Promise<T>): Promise<T> {
  pending.catch(() => undefined);
  return pending;
}

/** One timer beside any number of waits: a watch of much that happens must not set one for each of its events. */
class Alarm {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #rang = false;
  #wake: ((reason?: unknown) => void) | undefined;

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
  }

  /** After it rang, or for the first time. `at` is monotonic; it never rings before. */
  set(at: number): void {
    this.#rang = false;
    this.#sleepUntil(at).then(
      () => this.#ring(),
      () => this.#ring(),
    );
  }

  /** What is waited for, or word that the alarm rang first. @throws the signal's reason */
  async orSooner<T>(pending: Promise<T>): Promise<T | "later"> {
    if (!this.#rang) {
      await new Promise<unknown>((resolve) => {
        this.#wake = resolve;
        pending.then(resolve, resolve);
      });
      this.#wake = undefined;
    }
    if (!this.#rang) return pending;
    this.#signal.throwIfAborted();
    return "later";
  }

  async #sleepUntil(at: number): Promise<void> {
    for (let left = at - this.#clock.monotonic(); left > 0; left = at - this.#clock.monotonic()) {
      await this.#clock.sleep(Math.ceil(left), this.#signal);
    }
  }

  #ring(): void {
    this.#rang = true;
    this.#wake?.();
  }
}

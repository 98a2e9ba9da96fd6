import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import { keyOf, pathOf, seenOf, versionOf, type Client } from "./client.ts";
import type { Key, Seen } from "./history.ts";
import type { OpenSegment, Recorder } from "./recorder.ts";
import { NoAnswer, type Way, type WayEvent } from "./way.ts";

export interface WatcherOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly way: Way;
  /** Its own, for the lists with which it begins anew. */
  readonly client: Client;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly random: Random;
  /** How likely it leaves after an event, to come back later. */
  readonly restless: number;
}

/** Watches, comes back from where it was when a watch ends, and begins anew with a list when it is told that this has gone. */
export class Watcher {
  readonly #options: WatcherOptions;
  #position: number;
  #wanted = Infinity;
  #leave: AbortController | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#position = options.recorder.start;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Up to here it has been told everything. */
  get position(): number {
    return this.#position;
  }

  /** It may stop once it has come to this version. */
  comeTo(version: number): void {
    this.#wanted = version;
    if (this.#position >= version) this.#leave?.abort();
  }

  /** Until it has come to where it may stop, or the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { recorder, namespace, clock, random, restless } = this.#options;
    let mustList = false;
    while (!signal.aborted && this.#position < this.#wanted) {
      if (!mustList) {
        const segment = recorder.segment(this.name, namespace, this.#position);
        await this.#watchOnce(segment, `resourceVersion=${segment.from}`, signal);
        mustList = segment.expiredAt !== undefined;
      } else if (random.float() < 0.5) {
        mustList = !(await this.#list());
      } else {
        mustList = !(await this.#watchFromTheBeginning(signal));
      }
      if (this.#position >= this.#wanted) return;
      const rest = restless === 0 ? 1 + random.float() * 20 : random.float() ** 3 * 1_500;
      await clock.sleep(rest, signal).catch(() => undefined);
    }
  }

  async #watchOnce(segment: OpenSegment, query: string, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.#events(query, signal)) {
        if (event.type === "ERROR") {
          if (event.object.code === 410) segment.expiredAt = this.#options.recorder.tick();
          return;
        }
        if (!this.#take(segment, event)) return;
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
  }

  /** @returns whether it stays. */
  #take(segment: OpenSegment, { type, object }: WayEvent): boolean {
    const { recorder, random, restless } = this.#options;
    const version = versionOf(object);
    if (type === "BOOKMARK") segment.bookmarks.push({ version, after: segment.events.length });
    else if (type !== "ERROR") segment.events.push({ tick: recorder.tick(), type, key: keyOf(object), seen: seenOf(object) });
    this.#position = segment.position;
    return this.#position < this.#wanted && random.float() >= restless;
  }

  async #list(): Promise<boolean> {
    const { client, namespace } = this.#options;
    const { outcome } = await client.perform({ type: "list", ...(namespace !== undefined && { namespace }), at: "latest" });
    if (outcome.type !== "ok" || outcome.list === undefined) return false;
    this.#position = outcome.list.version;
    return true;
  }

  /** A list that comes as events, and goes on as a watch. */
  async #watchFromTheBeginning(signal: AbortSignal): Promise<boolean> {
    const { recorder, namespace, way, name } = this.#options;
    const items = new Map<Key, Seen>();
    const invoked = recorder.tick();
    const { server } = way;
    let segment: OpenSegment | undefined;
    try {
      for await (const event of this.#events("sendInitialEvents=true&resourceVersionMatch=NotOlderThan", signal)) {
        const { object, type } = event;
        if (type === "ERROR") return segment !== undefined;
        if (segment !== undefined) {
          if (!this.#take(segment, event)) return true;
          continue;
        }
        if (type !== "BOOKMARK") {
          items.set(keyOf(object), seenOf(object));
          continue;
        }
        const version = versionOf(object);
        const action = { type: "list", ...(namespace !== undefined && { namespace }), at: "latest" } as const;
        const outcome = { type: "ok", list: { version, items } } as const;
        recorder.operation({ client: name, server, invoked, completed: recorder.tick(), action, outcome });
        this.#position = version;
        segment = recorder.segment(name, namespace, version);
        if (version >= this.#wanted) return true;
      }
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
    return segment !== undefined;
  }

  async *#events(query: string, signal: AbortSignal): AsyncGenerator<WayEvent> {
    const { way, namespace, random } = this.#options;
    this.#leave = new AbortController();
    const path = pathOf({ type: "list", ...(namespace !== undefined && { namespace }), at: "latest" });
    const either = AbortSignal.any([signal, this.#leave.signal]);
    // One that is to end after a second tells just before how far it has come.
    const seconds = random.float() < 0.3 ? "&timeoutSeconds=1" : "";
    try {
      yield* way.watch(`${path}?watch=true&allowWatchBookmarks=true&${query}${seconds}`, either);
    } finally {
      this.#leave.abort();
    }
  }
}

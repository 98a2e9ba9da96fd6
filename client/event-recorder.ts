import type { Clock } from "#base/clock";
import { timestamp } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { Event, ObjectReference } from "#api/generated/types";
import type { KubeObject } from "#api/object";
import { events } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiClient } from "./api-client.ts";
import { Backoff } from "./backoff.ts";
import { EventCorrelator, type RecordedEvent } from "./event-correlator.ts";

export type EventType = "Normal" | "Warning";

export interface EventRecorderOptions {
  readonly client: ApiClient;
  /** `deployment-controller`: shown as where the event comes from. */
  readonly component: string;
  /** The node, for agents. */
  readonly host?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** More than this waiting means that the server cannot keep up; events are the first thing to go. */
const longestQueue = 1000;
const attempts = 12;

/**
 * Tells people what happened to an object. Never throws and never waits: events are written in the background, in order, repeated ones
 * as a count, and dropped when there are too many of them.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #correlator: EventCorrelator;
  readonly #written = new Map<string, { namespace: string; name: string }>();
  readonly #queue: RecordedEvent[] = [];
  #writing: Promise<void> = Promise.resolve();
  #idle = true;
  readonly #stopping = new AbortController();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#correlator = new EventCorrelator(options.clock);
  }

  /** `object` must carry its apiVersion and kind. */
  event(object: KubeObject, type: EventType, reason: string, message: string, fieldPath?: string): void {
    const { component, host, log } = this.#options;
    const about = { ...referenceTo(object), ...(fieldPath !== undefined && { fieldPath }) };
    const event = this.#correlator.record({ about, type, reason, message, component, host: host ?? "" });
    if (event === undefined) return;
    if (this.#queue.length >= longestQueue) {
      log.warn("dropped an event: too many are waiting to be written", { reason, message });
      return;
    }
    this.#queue.push(event);
    if (this.#idle) this.#writing = this.#drain();
  }

  /** Resolves when everything recorded so far is written or given up. */
  flushed(): Promise<void> {
    return this.#writing;
  }

  /** Writes what is waiting, but does not wait for a server that is away. */
  stop(): Promise<void> {
    this.#stopping.abort(new Error("stopping"));
    return this.#writing;
  }

  async #drain(): Promise<void> {
    this.#idle = false;
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) await this.#write(event);
    this.#idle = true;
  }

  async #write(event: RecordedEvent): Promise<void> {
    const backoff = new Backoff({ ...this.#options, initialMs: 100, maxMs: 10_000 });
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#createOrCount(event);
        return;
      } catch (error) {
        const worthRetrying = hasReason(error, "ServiceUnavailable", "TooManyRequests", "Timeout", "ServerTimeout");
        if (!worthRetrying || attempt === attempts || this.#stopping.signal.aborted) {
          const { reason, message } = event;
          this.#options.log.warn("could not write an event", { reason, message, why: (error as Error).message });
          return;
        }
        await backoff.wait(this.#stopping.signal).catch(() => undefined);
      }
    }
  }

  async #createOrCount(event: RecordedEvent): Promise<void> {
    const { client } = this.#options;
    const existing = this.#written.get(event.key);
    if (existing !== undefined && event.count > 1) {
      const { count, message } = event;
      const patch = { count, message, lastTimestamp: timestamp(event.last) };
      try {
        await client.patch(events, existing, { type: "strategic", patch });
        return;
      } catch (error) {
        // Events expire: one that is repeated after that is a new one.
        if (!hasReason(error, "NotFound")) throw error;
      }
    }
    const { metadata } = await client.create(events, this.#eventOf(event));
    this.#remember(event.key, { namespace: metadata.namespace ?? "default", name: metadata.name });
  }

  #remember(key: string, where: { namespace: string; name: string }): void {
    this.#written.delete(key);
    this.#written.set(key, where);
    const [oldest] = this.#written.keys();
    if (this.#written.size > 4096 && oldest !== undefined) this.#written.delete(oldest);
  }

  #eventOf(event: RecordedEvent): Event {
    const { about, type, reason, message, count, first, last } = event;
    const { component, host, random } = this.#options;
    const nanoseconds = BigInt(Math.floor(event.last)) * 1_000_000n + BigInt(Math.floor(random.float() * 1e6));
    return {
      metadata: { namespace: about.namespace ?? "default", name: `${about.name ?? ""}.${nanoseconds.toString(16)}` },
      involvedObject: about,
      reason,
      message,
      type,
      count,
      firstTimestamp: timestamp(first),
      lastTimestamp: timestamp(last),
      source: { component, ...(host !== undefined && { host }) },
      reportingComponent: component,
      reportingInstance: host ?? "",
    };
  }
}

function referenceTo({ apiVersion = "", kind = "", metadata }: KubeObject): ObjectReference {
  const { namespace, name = "", uid = "", resourceVersion = "" } = metadata;
  return { apiVersion, kind, name, uid, resourceVersion, ...(namespace !== undefined && namespace !== "" && { namespace }) };
}

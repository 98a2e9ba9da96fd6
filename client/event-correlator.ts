import type { Clock } from "#base/clock";
import type { ObjectReference } from "#api/generated/types";

export interface Occurrence {
  readonly about: ObjectReference;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly component: string;
  readonly host: string;
}

export interface RecordedEvent extends Occurrence {
  /** Equal for events that are one event with a count. */
  readonly key: string;
  readonly count: number;
  /** Wall time in milliseconds. */
  readonly first: number;
  readonly last: number;
}

/** client-go's defaults (tools/record/events_cache.go). */
const burst = 25;
const refillMs = 300_000;
const similarEvents = 10;
const similarWindowMs = 600_000;
const remembered = 4096;

/**
 * Turns a flood into a trickle as client-go does: a source may say 25 things about an object at once and then one each five minutes; what
 * is said again is counted; more than ten messages of one reason within ten minutes are combined into one.
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #budgets = new RecentMap<{ tokens: number; at: number }>();
  readonly #similar = new RecentMap<{ messages: Set<string>; at: number }>();
  readonly #counted = new RecentMap<{ count: number; first: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns what to write, or undefined when this source has said enough about this object. */
  record(occurrence: Occurrence): RecordedEvent | undefined {
    const { message, prefix } = this.#combine(occurrence);
    const key = JSON.stringify([...identity(occurrence), occurrence.reason, prefix === "" ? message : "combined"]);
    const now = this.#clock.now();
    const known = this.#counted.get(key) ?? { count: 0, first: now };
    const counted = { count: known.count + 1, first: known.first };
    this.#counted.set(key, counted);
    if (!this.#spend(occurrence)) return undefined;
    return { ...occurrence, message: `${prefix}${message}`, key, ...counted, last: now };
  }

  #combine(occurrence: Occurrence): { message: string; prefix: string } {
    const key = JSON.stringify([...identity(occurrence), occurrence.reason]);
    const now = this.#clock.monotonic();
    const known = this.#similar.get(key);
    const recent = known !== undefined && now - known.at <= similarWindowMs;
    const messages = recent ? known.messages : new Set<string>();
    const many = !messages.has(occurrence.message) && messages.size >= similarEvents;
    if (!many) messages.add(occurrence.message);
    this.#similar.set(key, { messages, at: now });
    return { message: occurrence.message, prefix: many ? "(combined from similar events): " : "" };
  }

  #spend({ about, component, host }: Occurrence): boolean {
    const key = JSON.stringify([component, host, about.kind, about.namespace, about.name, about.uid]);
    const now = this.#clock.monotonic();
    const budget = this.#budgets.get(key) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, budget.tokens + (now - budget.at) / refillMs);
    this.#budgets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    return tokens >= 1;
  }
}

function identity({ about, component, host, type }: Occurrence): unknown[] {
  return [component, host, about.kind, about.namespace, about.name, about.fieldPath, about.uid, about.apiVersion, type];
}

/** Forgets what was not set for the longest time. */
class RecentMap<V> {
  readonly #entries = new Map<string, V>();

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > remembered && oldest !== undefined) this.#entries.delete(oldest);
  }
}

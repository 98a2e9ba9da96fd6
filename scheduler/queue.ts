import type { Clock } from "#base/clock";
import type { ClusterEvent } from "./cluster-event.ts";
import { EventLog } from "./event-log.ts";
import type { SchedulerPlugin } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";

export interface QueuedPod {
  readonly info: PodInfo;
  readonly attempts: number;
  /** When it first came, in monotonic milliseconds. */
  readonly since: number;
}

export interface SchedulingQueueOptions {
  readonly clock: Clock;
  readonly plugins: readonly SchedulerPlugin[];
}

interface BackingOff {
  readonly queued: QueuedPod;
  readonly due: number;
  /** Its back-off is cut short when there is nothing else to do. */
  readonly mayHurry: boolean;
}

interface Unschedulable {
  readonly queued: QueuedPod;
  readonly plugins: ReadonlySet<string>;
  readonly failedAt: number;
}

/** Handed out and not given back yet. */
interface InFlight {
  /** From where in the log of events the attempt has not seen them. */
  readonly seen: number;
  /** What became of the pod meanwhile. */
  readonly newest: PodInfo;
  /** It has changed in a way that may help it. */
  readonly changed: boolean;
}

const firstBackoffMs = 1000;
const longestBackoffMs = 10_000;
/** Who is due within the same second goes by importance. */
const backoffWindowMs = 1000;
/** Even if nothing happens that should help: plugins may be wrong about what helps. */
const patienceMs = 300_000;

/**
 * The pods that wait for a node: those to try now, by priority and then by age; those that failed a moment ago; those that no node can
 * take until something changes; and those that are being tried. What happens while a pod is tried counts when it is given back, so that
 * no change that would have helped is missed.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #plugins: ReadonlyMap<string, SchedulerPlugin>;
  readonly #active = new Map<string, QueuedPod>();
  readonly #backingOff = new Map<string, BackingOff>();
  readonly #unschedulable = new Map<string, Unschedulable>();
  readonly #inFlight = new Map<string, InFlight>();
  readonly #events = new EventLog();
  #wake = new AbortController();

  constructor({ clock, plugins }: SchedulingQueueOptions) {
    this.#clock = clock;
    this.#plugins = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  }

  /** A pod that is new, or has changed in a way that may help it. */
  add(info: PodInfo): void {
    const { uid } = info;
    const inFlight = this.#inFlight.get(uid);
    if (inFlight !== undefined) {
      this.#inFlight.set(uid, { ...inFlight, newest: info, changed: true });
      return;
    }
    const waiting = this.#unschedulable.get(uid);
    if (waiting !== undefined) {
      this.#unschedulable.delete(uid);
      this.#resume({ ...waiting.queued, info }, waiting.failedAt);
    } else if (this.has(uid)) {
      this.refresh(info);
    } else {
      this.#activate({ info, attempts: 0, since: this.#clock.monotonic() });
    }
  }

  /** Keeps what is queued fresh, without another attempt. */
  refresh(info: PodInfo): void {
    const { uid } = info;
    const renewed = <T extends { readonly queued: QueuedPod }>(entry: T): T => ({ ...entry, queued: { ...entry.queued, info } });
    const [active, backingOff, waiting] = [this.#active.get(uid), this.#backingOff.get(uid), this.#unschedulable.get(uid)];
    const inFlight = this.#inFlight.get(uid);
    if (active !== undefined) this.#active.set(uid, { ...active, info });
    if (backingOff !== undefined) this.#backingOff.set(uid, renewed(backingOff));
    if (waiting !== undefined) this.#unschedulable.set(uid, renewed(waiting));
    if (inFlight !== undefined) this.#inFlight.set(uid, { ...inFlight, newest: info });
  }

  /** Whether it waits, or is being tried. */
  has(uid: string): boolean {
    return this.#active.has(uid) || this.#backingOff.has(uid) || this.#unschedulable.has(uid) || this.#inFlight.has(uid);
  }

  /** Also ends an attempt: it cannot be given back afterwards. */
  delete(uid: string): void {
    this.#active.delete(uid);
    this.#backingOff.delete(uid);
    this.#unschedulable.delete(uid);
    this.#land(uid);
  }

  /** The attempt ended with something other than the cluster's state: try again soon. */
  retry(queued: QueuedPod): void {
    const flight = this.#land(queued.info.uid);
    if (flight === undefined) return;
    this.#backOff({ ...queued, info: flight.newest }, this.#clock.monotonic(), false);
  }

  /** The attempt ended: no node will do, says each of `plugins`. Waits for what may change their minds; without any, for whatever happens. */
  park(queued: QueuedPod, plugins: ReadonlySet<string>): void {
    const { uid } = queued.info;
    const flight = this.#land(uid);
    if (flight === undefined) return;
    const entry = { queued: { ...queued, info: flight.newest }, plugins, failedAt: this.#clock.monotonic() };
    if (flight.changed || flight.missed.some((event) => this.#helps(entry, event))) this.#resume(entry.queued, entry.failedAt);
    else this.#unschedulable.set(uid, entry);
  }

  /** Brings back the pods that the event may help. */
  happened(event: ClusterEvent): void {
    if (this.#inFlight.size > 0) this.#events.append(event);
    for (const [uid, entry] of this.#unschedulable) {
      if (!this.#helps(entry, event)) continue;
      this.#unschedulable.delete(uid);
      this.#resume(entry.queued, entry.failedAt);
    }
  }

  /** The pod to try next; counts as an attempt, which ends with `retry`, `park` or `delete`. @throws the signal's reason. */
  async take(signal: AbortSignal): Promise<QueuedPod> {
    for (;;) {
      signal.throwIfAborted();
      const now = this.#clock.monotonic();
      this.#activateDue(now);
      const next = firstOf(this.#active.values(), comesBefore) ?? this.#hurried();
      if (next !== undefined) return this.#takeOff(next);
      await this.#change(now, signal);
    }
  }

  #takeOff(queued: QueuedPod): QueuedPod {
    const { uid } = queued.info;
    this.#active.delete(uid);
    this.#backingOff.delete(uid);
    this.#inFlight.set(uid, { seen: this.#events.end, newest: queued.info, changed: false });
    return { ...queued, attempts: queued.attempts + 1 };
  }

  #land(uid: string): (InFlight & { readonly missed: readonly ClusterEvent[] }) | undefined {
    const flight = this.#inFlight.get(uid);
    if (flight === undefined) return undefined;
    const missed = this.#events.since(flight.seen);
    this.#inFlight.delete(uid);
    // The oldest attempt comes first, and needs the most.
    const [oldest] = this.#inFlight.values();
    this.#events.forget(oldest?.seen ?? this.#events.end);
    return { ...flight, missed };
  }

  #helps({ queued, plugins }: Unschedulable, event: ClusterEvent): boolean {
    return plugins.size === 0 || [...plugins].some((name) => this.#plugins.get(name)?.wakes?.(queued.info, event) ?? false);
  }

  /** With nothing else to do there is no reason to let a pod wait that something may have helped. */
  #hurried(): QueuedPod | undefined {
    const those = [...this.#backingOff.values()].filter(({ mayHurry }) => mayHurry);
    return firstOf(those, isDueBefore)?.queued;
  }

  #activateDue(now: number): void {
    for (const [uid, { queued, due }] of this.#backingOff) {
      if (due > now) continue;
      this.#backingOff.delete(uid);
      this.#active.set(uid, queued);
    }
    for (const [uid, { queued, failedAt }] of this.#unschedulable) {
      if (failedAt + patienceMs > now) continue;
      this.#unschedulable.delete(uid);
      this.#active.set(uid, queued);
    }
  }

  /** Until a pod is added, or the next one is due. */
  async #change(now: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    const dues = [
      ...[...this.#backingOff.values()].map(({ due }) => due),
      ...[...this.#unschedulable.values()].map(({ failedAt }) => failedAt + patienceMs),
    ];
    const wait = dues.reduce((least, due) => Math.min(least, due - now), patienceMs);
    await this.#clock.sleep(wait, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
  }

  #resume(queued: QueuedPod, failedAt: number): void {
    this.#backOff(queued, failedAt, true);
  }

  #backOff(queued: QueuedPod, failedAt: number, mayHurry: boolean): void {
    const backoff = Math.min(firstBackoffMs * 2 ** Math.max(0, queued.attempts - 1), longestBackoffMs);
    const due = failedAt + backoff;
    if (due <= this.#clock.monotonic()) {
      this.#activate(queued);
      return;
    }
    this.#backingOff.set(queued.info.uid, { queued, due, mayHurry });
    this.#wake.abort(woken);
  }

  #activate(queued: QueuedPod): void {
    this.#active.set(queued.info.uid, queued);
    this.#wake.abort(woken);
  }
}

function comesBefore(left: QueuedPod, right: QueuedPod): boolean {
  return left.info.priority === right.info.priority ? left.since < right.since : left.info.priority > right.info.priority;
}

function isDueBefore(left: BackingOff, right: BackingOff): boolean {
  const [leftWindow, rightWindow] = [Math.floor(left.due / backoffWindowMs), Math.floor(right.due / backoffWindowMs)];
  return leftWindow === rightWindow ? comesBefore(left.queued, right.queued) : leftWindow < rightWindow;
}

function firstOf<T>(items: Iterable<T>, before: (left: T, right: T) => boolean): T | undefined {
  let first: T | undefined;
  for (const item of items) if (first === undefined || before(item, first)) first = item;
  return first;
}

/** One for all: an error of its own for each would cost its stack. */
const woken = new Error("something to look at");

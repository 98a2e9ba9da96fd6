import type { Clock } from "#base/clock";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import type { ClusterEvent } from "./plugin.ts";

export interface QueuedPod {
  readonly pod: Stored<Pod>;
  readonly attempts: number;
  /** When it first came, in monotonic milliseconds. */
  readonly since: number;
}

export interface SchedulingQueueOptions {
  readonly clock: Clock;
  /** Which plugins want which events, by plugin. */
  readonly wakesOn: ReadonlyMap<string, readonly ClusterEvent[]>;
}

const firstBackoffMs = 1000;
const longestBackoffMs = 10_000;
/** Even if nothing happens that should help: plugins may be wrong about what helps. */
const patienceMs = 300_000;

/**
 * The pods that wait for a node: those to try now, by priority and then by age; those that failed a moment ago; and those that no node
 * can take until something changes.
 */
export class SchedulingQueue {
  readonly #options: SchedulingQueueOptions;
  readonly #active = new Map<string, QueuedPod>();
  readonly #backingOff = new Map<string, { readonly queued: QueuedPod; readonly due: number }>();
  readonly #unschedulable = new Map<
    string,
    { readonly queued: QueuedPod; readonly plugins: ReadonlySet<string>; readonly failedAt: number }
  >();
  #wake = new AbortController();

  constructor(options: SchedulingQueueOptions) {
    this.#options = options;
  }

  /** A pod that is new, or has changed in a way that may help it. */
  add(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    const waiting = this.#unschedulable.get(uid);
    const backingOff = this.#backingOff.get(uid);
    if (backingOff !== undefined) {
      this.#backingOff.set(uid, { ...backingOff, queued: { ...backingOff.queued, pod } });
      return;
    }
    this.#unschedulable.delete(uid);
    if (waiting !== undefined) {
      this.#resume({ ...waiting.queued, pod }, waiting.failedAt);
      return;
    }
    const { attempts = 0, since = this.#options.clock.monotonic() } = this.#active.get(uid) ?? {};
    this.#activate({ pod, attempts, since });
  }

  /** Keeps what is queued fresh, without another attempt. */
  refresh(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    const [active, backingOff, waiting] = [this.#active.get(uid), this.#backingOff.get(uid), this.#unschedulable.get(uid)];
    if (active !== undefined) this.#active.set(uid, { ...active, pod });
    if (backingOff !== undefined) this.#backingOff.set(uid, { ...backingOff, queued: { ...backingOff.queued, pod } });
    if (waiting !== undefined) this.#unschedulable.set(uid, { ...waiting, queued: { ...waiting.queued, pod } });
  }

  has(uid: string): boolean {
    return this.#active.has(uid) || this.#backingOff.has(uid) || this.#unschedulable.has(uid);
  }

  delete(uid: string): void {
    this.#active.delete(uid);
    this.#backingOff.delete(uid);
    this.#unschedulable.delete(uid);
  }

  /** Something other than the cluster's state failed: try again soon. */
  retry(queued: QueuedPod): void {
    this.#resume(queued, this.#options.clock.monotonic());
  }

  /** No node will do, says each of `plugins`: waits for what may change their minds. Without any, for whatever happens. */
  park(queued: QueuedPod, plugins: ReadonlySet<string>): void {
    this.#unschedulable.set(queued.pod.metadata.uid, { queued, plugins, failedAt: this.#options.clock.monotonic() });
  }

  /** Brings back the pods that the event may help. */
  happened(event: ClusterEvent): void {
    const { wakesOn } = this.#options;
    for (const [uid, { queued, plugins, failedAt }] of this.#unschedulable) {
      const helps = plugins.size === 0 || [...plugins].some((plugin) => wakesOn.get(plugin)?.includes(event) ?? false);
      if (!helps) continue;
      this.#unschedulable.delete(uid);
      this.#resume(queued, failedAt);
    }
  }

  /** The pod to try next; counts as an attempt. @throws the signal's reason. */
  async take(signal: AbortSignal): Promise<QueuedPod> {
    for (;;) {
      signal.throwIfAborted();
      const now = this.#options.clock.monotonic();
      this.#activateDue(now);
      const next = this.#first();
      if (next !== undefined) {
        this.#active.delete(next.pod.metadata.uid);
        return { ...next, attempts: next.attempts + 1 };
      }
      await this.#change(now, signal);
    }
  }

  #first(): QueuedPod | undefined {
    let first: QueuedPod | undefined;
    for (const queued of this.#active.values()) if (first === undefined || comesBefore(queued, first)) first = queued;
    return first;
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
    const wait = Math.min(patienceMs, ...dues.map((due) => due - now));
    await this.#options.clock.sleep(wait, AbortSignal.any([signal, this.#wake.signal])).catch(() => undefined);
  }

  #resume(queued: QueuedPod, failedAt: number): void {
    const backoff = Math.min(firstBackoffMs * 2 ** Math.max(0, queued.attempts - 1), longestBackoffMs);
    const due = failedAt + backoff;
    if (due <= this.#options.clock.monotonic()) {
      this.#activate(queued);
      return;
    }
    this.#backingOff.set(queued.pod.metadata.uid, { queued, due });
    this.#wake.abort();
  }

  #activate(queued: QueuedPod): void {
    this.#active.set(queued.pod.metadata.uid, queued);
    this.#wake.abort();
  }
}

function comesBefore(left: QueuedPod, right: QueuedPod): boolean {
  const [leftPriority, rightPriority] = [left.pod.spec?.priority ?? 0, right.pod.spec?.priority ?? 0];
  return leftPriority === rightPriority ? left.since < right.since : leftPriority > rightPriority;
}

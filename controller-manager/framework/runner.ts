import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import { keyText, type ObjectKey } from "#api/object";
import { hasReason } from "#api/status";
import type { ApiClient } from "#client/api-client";
import { EventRecorder } from "#client/event-recorder";
import { WorkQueue } from "#client/work-queue";
import { Executor } from "./executor.ts";
import { failures, type Outcome } from "./plan.ts";
import type { Reconciler } from "./reconciler.ts";
import type { SharedInformers } from "./shared-informers.ts";
import { Staleness } from "./staleness.ts";

export interface RunnerOptions {
  readonly client: ApiClient;
  readonly informers: SharedInformers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly workers?: number;
  /** For metrics. */
  readonly onPass?: (pass: Pass) => void;
}

export interface Pass {
  readonly controller: string;
  readonly key: ObjectKey;
  readonly durationMs: number;
  readonly writes: number;
  readonly failed: boolean;
}

/** Short for whoever waits for a rollout, and long enough for a burst of changes to become one write of a status. */
const restMs = 10;

/**
 * Runs a reconciler with several workers until the signal aborts, then lets running passes end. Its requests are heard from the start;
 * passes begin when the informers are synced.
 */
export async function runReconciler<View>(
  reconciler: Reconciler<View>,
  options: RunnerOptions,
  signal: AbortSignal,
): Promise<void> {
  const runner = new Runner(reconciler, options, signal);
  await runner.run(options.workers ?? 5);
}

class Runner<View> {
  readonly #reconciler: Reconciler<View>;
  readonly #options: RunnerOptions;
  readonly #signal: AbortSignal;
  readonly #log: Logger;
  readonly #queue: WorkQueue;
  readonly #executor: Executor;
  readonly #staleness: Staleness;
  readonly #recorder: EventRecorder;
  /** Asked for while held. */
  readonly #waiting = new Set<string>();
  /** When each was looked at last; monotonic. */
  readonly #looked = new Map<string, number>();

  constructor(reconciler: Reconciler<View>, options: RunnerOptions, signal: AbortSignal) {
    const log = options.log.child({ controller: reconciler.name });
    this.#reconciler = reconciler;
    this.#options = options;
    this.#signal = signal;
    this.#log = log;
    this.#queue = new WorkQueue(options);
    this.#recorder = new EventRecorder({ ...options, log, component: reconciler.name });
    this.#executor = new Executor({ ...options, recorder: this.#recorder });
    this.#staleness = new Staleness({ ...options, log, release: (key) => this.#released(key) });
  }

  async run(workers: number): Promise<void> {
    const requests = this.#reconciler.requests.subscribe((key) => this.#queue.add(keyText(key)));
    const bursts = this.#reconciler.bursts?.subscribe((key) => this.#addRested(keyText(key)));
    const stop = () => this.#queue.shutDown();
    this.#signal.addEventListener("abort", stop, { once: true });
    try {
      await this.#options.informers.synced(this.#signal).catch(() => undefined);
      if (this.#signal.aborted) return;
      await Promise.all(Array.from({ length: workers }, () => this.#work()));
    } finally {
      requests.unsubscribe();
      bursts?.unsubscribe();
      await this.#recorder.stop();
    }
  }

  /** At once, unless it was looked at a moment ago. */
  #addRested(text: string): void {
    const rested = this.#options.clock.monotonic() - (this.#looked.get(text) ?? -Infinity);
    if (rested >= restMs) this.#queue.add(text);
    else this.#queue.addAfter(text, restMs - rested);
  }

  async #work(): Promise<void> {
    for (let text = await this.#queue.take(); text !== undefined; text = await this.#queue.take()) {
      if (this.#signal.aborted) return;
      await this.#process(text);
      this.#queue.done(text);
    }
  }

  async #process(text: string): Promise<void> {
    if (this.#staleness.isHeld(text)) {
      this.#waiting.add(text);
      return;
    }
    try {
      await this.#pass(text);
    } catch (error) {
      if (this.#signal.aborted) return;
      this.#log.error("a pass failed", { key: text, error });
      this.#queue.addRateLimited(text);
    }
  }

  async #pass(text: string): Promise<void> {
    const key = keyFrom(text);
    const started = this.#options.clock.monotonic();
    this.#looked.set(text, started);
    const view = await this.#reconciler.observe(key, this.#options.client);
    if (view === undefined) {
      this.#looked.delete(text);
      this.#queue.forget(text);
      return;
    }
    const { steps, requeueAfterMs } = this.#reconciler.plan(view);
    const outcomes = [...(await this.#executor.execute(steps, this.#signal))];
    const status = this.#reconciler.conclude?.(view, outcomes);
    const concluded = status && (await this.#executor.writeStatus(status, outcomes, this.#signal));
    if (concluded !== undefined) outcomes.push(concluded);
    this.#settle(text, outcomes, requeueAfterMs);
    const durationMs = this.#options.clock.monotonic() - started;
    const failed = failures(outcomes).length > 0;
    this.#options.onPass?.({ controller: this.#reconciler.name, key, durationMs, writes: outcomes.length, failed });
  }

  #settle(text: string, outcomes: readonly Outcome[], requeueAfterMs: number | undefined): void {
    const held = this.#staleness.hold(text, outcomes, this.#signal);
    // It is looked at again when what it wrote shows: a plan may leave the next step to the next pass.
    if (held) this.#waiting.add(text);
    for (const { write, error } of failures(outcomes)) {
      const expected = hasReason(error, "Conflict");
      const fields = { key: text, write: write.type, resource: write.resource.resource, reason: error.message };
      if (expected) this.#log.debug("a write lost a race", fields);
      else this.#log.warn("a write failed", fields);
    }
    if (failures(outcomes).length > 0) this.#queue.addRateLimited(text);
    else this.#queue.forget(text);
    if (requeueAfterMs !== undefined) this.#queue.addAfter(text, requeueAfterMs);
  }

  #released(text: string): void {
    if (this.#waiting.delete(text)) this.#queue.add(text);
  }
}

function keyFrom(text: string): ObjectKey {
  const slash = text.indexOf("/");
  return slash === -1 ? { namespace: "", name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { KubeObject, Stored } from "#api/object";
import type { Informer } from "#client/informer";
import { compareResourceVersions } from "#client/resource-version";
import { mayHaveHappened } from "#client/unknown-outcome";
import { type Outcome, targetOf } from "./plan.ts";
import type { SharedInformers } from "./shared-informers.ts";

export interface StalenessOptions {
  readonly informers: SharedInformers;
  readonly clock: Clock;
  readonly log: Logger;
  /** The key may be looked at again. */
  readonly release: (key: string) => void;
}

const patienceMs = 30_000;

/** What an informer must show before the key that wrote it is looked at again. */
interface Expectation {
  readonly informer: Informer<KubeObject>;
  isMet(): boolean;
}

interface Held {
  readonly expectations: readonly Expectation[];
  /** Monotonic. */
  readonly until: number;
}

/**
 * Keeps a key back until the informers show what its last pass wrote, so that no plan is made from a view that lacks its own doing: a
 * creation or change until that version or a bookmark past it has come; a deletion until the object is gone or going; an outcome that is
 * not known, until a live list has replaced the view. There is no other bookkeeping of what was expected.
 */
export class Staleness {
  readonly #options: StalenessOptions;
  /** Those that have waited longest first. */
  readonly #held = new Map<string, Held>();
  #watching = false;
  readonly #watched = new Set<Informer<KubeObject>>();

  constructor(options: StalenessOptions) {
    this.#options = options;
  }

  isHeld(key: string): boolean {
    const held = this.#held.get(key);
    if (held === undefined) return false;
    if (!held.expectations.every((expectation) => expectation.isMet())) return true;
    this.#held.delete(key);
    return false;
  }

  /** @returns whether the key is kept back now. */
  hold(key: string, outcomes: readonly Outcome[], signal: AbortSignal): boolean {
    const expectations = outcomes
      .flatMap((outcome) => this.#expectation(outcome, signal))
      .filter((expectation) => !expectation.isMet());
    if (expectations.length === 0) return false;
    for (const { informer } of expectations) this.#watch(informer);
    this.#held.delete(key);
    this.#held.set(key, { expectations, until: this.#options.clock.monotonic() + patienceMs });
    if (!this.#watching) void this.#watchPatience(signal);
    return true;
  }

  #expectation(outcome: Outcome, signal: AbortSignal): readonly Expectation[] {
    const informer = this.#options.informers.find(outcome.write.resource);
    if (informer === undefined || outcome.type === "skipped") return [];
    if (outcome.type === "failed") return mayHaveHappened(outcome.error) ? [listedAnew(informer, signal)] : [];
    return [outcome.object === undefined ? goneOrGoing(informer, outcome) : shown(informer, outcome.object)];
  }

  #watch(informer: Informer<KubeObject>): void {
    if (this.#watched.has(informer)) return;
    this.#watched.add(informer);
    informer.progress.subscribe(() => {
      for (const key of [...this.#held.keys()]) if (!this.isHeld(key)) this.#options.release(key);
    });
  }

  /** One timer, for whoever has waited longest. */
  async #watchPatience(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#watching = true;
    try {
      for (let oldest = this.#oldest(); oldest !== undefined; oldest = this.#oldest()) {
        const [key, held] = oldest;
        const left = held.until - clock.monotonic();
        if (left > 0) {
          await clock.sleep(left, signal);
          continue;
        }
        this.#held.delete(key);
        // Held on, but no more by the clock.
        this.#held.set(key, { ...held, until: Infinity });
        void this.#listAnew(key, held, signal);
      }
    } catch {
      return;
    } finally {
      this.#watching = false;
    }
  }

  #oldest(): readonly [string, Held] | undefined {
    for (const entry of this.#held) if (entry[1].until !== Infinity) return entry;
    return undefined;
  }

  async #listAnew(key: string, { expectations }: Held, signal: AbortSignal): Promise<void> {
    const { log, release } = this.#options;
    const stale = expectations.filter((expectation) => !expectation.isMet()).map(({ informer }) => informer);
    const resources = stale.map((informer) => informer.type.resource);
    log.warn("an informer does not show what was written 30 s ago: listing anew", { key, resources });
    try {
      await Promise.all(stale.map((informer) => informer.relist(signal)));
    } catch {
      return;
    }
    if (this.#held.get(key)?.expectations !== expectations) return;
    this.#held.delete(key);
    release(key);
  }
}

function shown(informer: Informer<KubeObject>, { metadata }: Stored<KubeObject>): Expectation {
  return { informer, isMet: () => compareResourceVersions(informer.resourceVersion, metadata.resourceVersion) >= 0 };
}

function goneOrGoing(informer: Informer<KubeObject>, { write }: Outcome): Expectation {
  const key = targetOf(write);
  const uid = "target" in write ? write.target.metadata.uid : "";
  return {
    informer,
    isMet: () => {
      const metadata = informer.get(key)?.metadata;
      return metadata?.uid !== uid || metadata.deletionTimestamp !== undefined;
    },
  };
}

function listedAnew(informer: Informer<KubeObject>, signal: AbortSignal): Expectation {
  let listed = false;
  void informer.relist(signal).then(
    () => (listed = true),
    () => undefined,
  );
  return { informer, isMet: () => listed };
}

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

/**
 * Keeps a key back until the informers show what its last pass wrote, so that no plan is made from a view that lacks its own doing: a
 * creation or change until that version or a bookmark past it has come; a deletion until the object is gone or going; an outcome that is
 * not known, until a live list has replaced the view. There is no other bookkeeping of what was expected.
 */
export class Staleness {
  readonly #options: StalenessOptions;
  readonly #held = new Map<string, { readonly expectations: readonly Expectation[]; readonly patience: AbortController }>();
  readonly #watched = new Set<Informer<KubeObject>>();

  constructor(options: StalenessOptions) {
    this.#options = options;
  }

  isHeld(key: string): boolean {
    const held = this.#held.get(key);
    if (held === undefined) return false;
    if (!held.expectations.every((expectation) => expectation.isMet())) return true;
    this.#drop(key);
    return false;
  }

  /** @returns whether the key is kept back now. */
  hold(key: string, outcomes: readonly Outcome[], signal: AbortSignal): boolean {
    const expectations = outcomes.flatMap((outcome) => this.#expectation(outcome)).filter((expectation) => !expectation.isMet());
    if (expectations.length === 0) return false;
    for (const { informer } of expectations) this.#watch(informer);
    const patience = new AbortController();
    this.#held.set(key, { expectations, patience });
    void this.#loosePatience(key, expectations, AbortSignal.any([signal, patience.signal]));
    return true;
  }

  #expectation(outcome: Outcome): readonly Expectation[] {
    const informer = this.#options.informers.find(outcome.write.resource);
    if (informer === undefined || outcome.type === "skipped") return [];
    if (outcome.type === "failed") return mayHaveHappened(outcome.error) ? [listedAnew(informer)] : [];
    return [outcome.object === undefined ? goneOrGoing(informer, outcome) : shown(informer, outcome.object)];
  }

  #watch(informer: Informer<KubeObject>): void {
    if (this.#watched.has(informer)) return;
    this.#watched.add(informer);
    informer.progress.subscribe(() => {
      for (const key of [...this.#held.keys()]) if (!this.isHeld(key)) this.#options.release(key);
    });
  }

  async #loosePatience(key: string, expectations: readonly Expectation[], signal: AbortSignal): Promise<void> {
    const { clock, log, release } = this.#options;
    try {
      await clock.sleep(patienceMs, signal);
      const stale = expectations.filter((expectation) => !expectation.isMet()).map(({ informer }) => informer);
      const resources = stale.map((informer) => informer.type.resource);
      log.warn("an informer does not show what was written 30 s ago: listing anew", { key, resources });
      await Promise.all(stale.map((informer) => informer.relist(signal)));
    } catch {
      return;
    }
    this.#drop(key);
    release(key);
  }

  #drop(key: string): void {
    const held = this.#held.get(key);
    this.#held.delete(key);
    held?.patience.abort(new Error("released"));
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

function listedAnew(informer: Informer<KubeObject>): Expectation {
  let listed = false;
  void informer.relist(never).then(() => (listed = true));
  return { informer, isMet: () => listed };
}

const never = new AbortController().signal;

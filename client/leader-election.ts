import type { Clock } from "#base/clock";
import { microTimestamp } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import { sameJson } from "#base/same-json";
import type { Lease, LeaseSpec } from "#api/generated/types";
import type { ObjectKey, Stored } from "#api/object";
import { leases } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiClient } from "./api-client.ts";
import { EventRecorder } from "./event-recorder.ts";

export interface LeaderElectionOptions {
  readonly client: ApiClient;
  readonly lease: ObjectKey;
  /** Unique among the candidates. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How long the others wait for a leader that says nothing. */
  readonly leaseDurationMs?: number;
  /** When a leader that cannot renew steps down: before the others take over. */
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
}

/**
 * Runs `lead` while this candidate holds the lease, so that at most one of them works. Its signal aborts when the lease is lost or
 * `signal` aborts; on the way out the lease is given up for the next one.
 *
 * Ages are measured from when a change of the lease's spec was observed here: no other machine's clock decides, and nobody else's edit
 * keeps a dead leader alive. An event on the lease says who became leader, and who is none any more.
 *
 * @returns when `lead` does. @throws what `lead` throws, Error when leadership was lost, or the signal's reason before leading.
 */
export async function runAsLeader(
  options: LeaderElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { identity, log } = options;
  const candidate = new Candidate(options);
  const recorder = new EventRecorder({ ...options, component: options.lease.name });
  const tell = (what: string): void => {
    log.info(what, { lease: options.lease.name, identity });
    if (candidate.lease !== undefined) recorder.event(candidate.lease, "Normal", "LeaderElection", `${identity} ${what}`);
  };
  await candidate.acquire(signal);
  tell("became leader");
  const lost = new AbortController();
  const leading = AbortSignal.any([signal, lost.signal]);
  const renewing = candidate.renew(leading).catch((error: unknown) => lost.abort(error));
  try {
    await lead(leading);
    if (lost.signal.aborted && !signal.aborted) throw lost.signal.reason;
  } finally {
    lost.abort(new Error("done leading"));
    await renewing;
    tell("stopped leading");
    await candidate.release();
    await candidate.withinRetryPeriod(recorder.stop());
  }
}

/** A failed attempt says nothing about who holds the lease. */
type Outcome = "held" | "another's" | "unknown";

class Candidate {
  readonly #options: Required<LeaderElectionOptions>;
  /** What was seen last, and since when it has been so. */
  #observed: { readonly lease: Stored<Lease>; readonly since: number } | undefined;

  /** As it was seen last. */
  get lease(): Stored<Lease> | undefined {
    return this.#observed?.lease;
  }

  constructor(options: LeaderElectionOptions) {
    this.#options = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000, ...options };
  }

  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, random, retryPeriodMs, log } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      try {
        if ((await this.#tryToHold(signal)) === "held") return;
      } catch (error) {
        signal.throwIfAborted();
        log.warn("could not try to become leader", { reason: (error as Error).message });
      }
      await clock.sleep(retryPeriodMs * (1 + 1.2 * random.float()), signal);
    }
  }

  /** @throws Error when the lease could not be renewed in time, or is another's. Resolves on abort. */
  async renew(signal: AbortSignal): Promise<void> {
    const { clock, retryPeriodMs, renewDeadlineMs } = this.#options;
    let renewed = clock.monotonic();
    for (;;) {
      const awake = await clock.sleep(retryPeriodMs, signal).then(
        () => true,
        () => false,
      );
      if (!awake) return;
      const outcome = await this.#within(renewed + renewDeadlineMs, signal);
      if (outcome === "another's") throw new Error("leader election lost: another holds the lease");
      if (outcome === "held") renewed = clock.monotonic();
      else if (clock.monotonic() - renewed >= renewDeadlineMs) throw new Error("leader election lost: the lease was not renewed");
    }
  }

  async release(): Promise<void> {
    const { client, identity, clock, log, retryPeriodMs } = this.#options;
    const lease = this.#observed?.lease;
    if (lease?.spec?.holderIdentity !== identity) return;
    const limit = this.#limit(retryPeriodMs);
    const now = microTimestamp(clock.now());
    const spec: LeaseSpec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
    await client.update(leases, { ...lease, spec }, { signal: limit.signal }).catch((error: unknown) => {
      log.warn("could not give up the lease", { reason: (error as Error).message });
    });
    limit.abort(new Error("finished"));
  }

  /** A server that does not answer holds nobody up for longer. */
  async withinRetryPeriod(work: Promise<unknown>): Promise<void> {
    const { clock, retryPeriodMs } = this.#options;
    const done = new AbortController();
    await Promise.race([work, clock.sleep(retryPeriodMs, done.signal).catch(() => undefined)]);
    done.abort(new Error("finished"));
  }

  async #within(deadline: number, signal: AbortSignal): Promise<Outcome> {
    const attempt = this.#limit(deadline - this.#options.clock.monotonic());
    try {
      return await this.#tryToHold(AbortSignal.any([signal, attempt.signal]));
    } catch {
      return "unknown";
    } finally {
      attempt.abort(new Error("finished"));
    }
  }

  /** Aborts after `ms`, unless it was aborted before. */
  #limit(ms: number): AbortController {
    const limit = new AbortController();
    void this.#options.clock.sleep(ms, limit.signal).then(
      () => limit.abort(new Error("took too long")),
      () => undefined,
    );
    return limit;
  }

  async #tryToHold(signal: AbortSignal): Promise<Outcome> {
    const { client, lease: key, identity, clock, leaseDurationMs } = this.#options;
    const lease = await client.get(leases, key, { signal }).catch((error: unknown) => {
      if (hasReason(error, "NotFound")) return undefined;
      throw error;
    });
    if (lease === undefined) return this.#write(client.create(leases, { metadata: key, spec: this.#spec() }, { signal }));
    this.#observe(lease);
    const holder = lease.spec?.holderIdentity ?? "";
    const age = clock.monotonic() - (this.#observed?.since ?? 0);
    const theirs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
    if (holder !== identity && holder !== "" && age < (theirs === 0 ? leaseDurationMs : theirs)) return "another's";
    return this.#write(client.update(leases, { ...lease, spec: this.#spec(lease.spec) }, { signal }));
  }

  async #write(pending: Promise<Stored<Lease>>): Promise<Outcome> {
    try {
      this.#observe(await pending);
      return "held";
    } catch (error) {
      // Another was faster. The next look will show who.
      if (hasReason(error, "Conflict", "AlreadyExists")) return "unknown";
      throw error;
    }
  }

  #observe(lease: Stored<Lease>): void {
    const isSame = this.#observed !== undefined && sameJson(this.#observed.lease.spec, lease.spec);
    this.#observed = { lease, since: isSame ? (this.#observed?.since ?? 0) : this.#options.clock.monotonic() };
  }

  #spec(old: LeaseSpec = {}): LeaseSpec {
    const { identity, clock, leaseDurationMs } = this.#options;
    const now = microTimestamp(clock.now());
    const mine = old.holderIdentity === identity;
    return {
      ...old,
      holderIdentity: identity,
      leaseDurationSeconds: Math.round(leaseDurationMs / 1000),
      renewTime: now,
      acquireTime: mine ? (old.acquireTime ?? now) : now,
      leaseTransitions: (old.leaseTransitions ?? 0) + (mine || old.holderIdentity === undefined ? 0 : 1),
    };
  }
}

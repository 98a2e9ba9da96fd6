import type { Credentials, Verb } from "#api/request";
import { StatusError } from "#api/status";

export interface InFlightLimits {
  /** get and list. */
  readonly reads: number;
  readonly writes: number;
}

/** Upstream's --max-requests-inflight and --max-mutating-requests-inflight. */
export const defaultInFlightLimits: InFlightLimits = { reads: 400, writes: 200 };

/** Reads and writes have a bound each, so that neither starves the other. What runs for long is not counted. */
export class InFlight {
  readonly #limits: InFlightLimits;
  readonly #now = { reads: 0, writes: 0 };

  constructor(limits: InFlightLimits) {
    this.#limits = limits;
  }

  get now(): Readonly<InFlightLimits> {
    return this.#now;
  }

  /** @returns how to leave again. Administrators pass a full house. @throws StatusError TooManyRequests */
  enter(verb: Verb, credentials: Credentials): () => void {
    const kind = verb === "get" || verb === "list" ? "reads" : "writes";
    const isAdministrator = credentials.kind === "certificate" && credentials.organizations.includes("system:masters");
    if (this.#now[kind] >= this.#limits[kind] && !isAdministrator) {
      throw new StatusError("TooManyRequests", "Too many requests, please try again later.", { retryAfterSeconds: 1 });
    }
    this.#now[kind]++;
    return () => {
      this.#now[kind]--;
    };
  }
}

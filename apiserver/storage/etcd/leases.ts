import type { Clock } from "#base/clock";
import type { Members } from "./members.ts";

/** Of a key's lifetime: keys that expire within this of each other share a lease (upstream's default, at most a minute). */
const sharedShare = 0.05;
const longestSharedMs = 60_000;
/** One that ends with too many keys would hold up everybody else while it does. */
const mostKeys = 1_000;

interface Lease {
  readonly id: string;
  /** Monotonic time up to which a key that is written now lives long enough under it. */
  readonly usableUntil: number;
  readonly keys: number;
}

/** The leases of keys that expire: a lease a key would be as much work for etcd as the keys. */
export class Leases {
  readonly #members: Members;
  readonly #clock: Clock;
  readonly #latest = new Map<number, Promise<Lease>>();

  constructor(members: Members, clock: Clock) {
    this.#members = members;
    this.#clock = clock;
  }

  /** A lease that lives for at least `seconds` from now, and little longer. */
  async leaseFor(seconds: number): Promise<string> {
    const known = this.#latest.get(seconds);
    const lease = known === undefined ? undefined : await known.catch(() => undefined);
    const stillKnown = this.#latest.get(seconds) === known;
    if (lease !== undefined && stillKnown && lease.keys < mostKeys && this.#clock.monotonic() < lease.usableUntil) {
      this.#latest.set(seconds, Promise.resolve({ ...lease, keys: lease.keys + 1 }));
      return lease.id;
    }
    if (!stillKnown) return this.leaseFor(seconds);
    const granted = this.#grant(seconds);
    this.#latest.set(seconds, granted);
    return (await granted).id;
  }

  /** etcd does not know it any more. */
  forget(seconds: number): void {
    this.#latest.delete(seconds);
  }

  async #grant(seconds: number): Promise<Lease> {
    const sharedMs = Math.min(seconds * 1_000 * sharedShare, longestSharedMs);
    const usableUntil = this.#clock.monotonic() + sharedMs;
    const TTL = Math.ceil(seconds + sharedMs / 1_000);
    const { ID } = await this.#members.call((client, options) => client.leaseClient.leaseGrant({ TTL }, options));
    return { id: ID, usableUntil, keys: 1 };
  }
}

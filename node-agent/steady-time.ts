import type { Clock } from "#base/clock";
import type { Container } from "./runtime/runtime.ts";

/**
 * The wall time of now, carried on by the monotonic clock. Graces, back-offs and retries are counted by it, so that a wall clock that
 * is set neither cuts nor stretches them; what people read is told by the wall clock itself.
 */
export function steadyClock(clock: Clock): Clock {
  const offset = clock.now() - clock.monotonic();
  return {
    now: () => offset + clock.monotonic(),
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}

/** An end is seen that soon. What differs by more was written by another clock. */
const seenWithinMs = 60_000;

/** When containers ended, by the steady clock: their own times are the wall clock's. */
export class Endings {
  readonly #alive = new Set<string>();
  readonly #endedAt = new Map<string, number>();

  /** The same containers with their ends in steady time. */
  inSteadyTime(containers: readonly Container[], now: number): readonly Container[] {
    const ids = new Set(containers.map(({ id }) => id));
    for (const id of [...this.#alive, ...this.#endedAt.keys()]) if (!ids.has(id)) this.#forget(id);
    return containers.map((container) => {
      if (container.state !== "exited") {
        this.#alive.add(container.id);
        return container;
      }
      return { ...container, finishedAt: this.endOf(container, now) };
    });
  }

  endOf({ id, finishedAt }: Container, now: number): number {
    const known = this.#endedAt.get(id);
    if (known !== undefined) return known;
    const told = finishedAt ?? now;
    const isBelievable = told <= now && now - told <= seenWithinMs;
    // Of what ended while no agent was there, only its own word is known.
    const at = isBelievable ? told : this.#alive.has(id) ? now : Math.min(told, now);
    this.#endedAt.set(id, at);
    return at;
  }

  /** It never ran. */
  ended(id: string, now: number): void {
    this.#endedAt.set(id, now);
  }

  #forget(id: string): void {
    this.#alive.delete(id);
    this.#endedAt.delete(id);
  }
}

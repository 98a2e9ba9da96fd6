import type { ClusterEvent } from "./cluster-event.ts";

/** What happened lately, in order, by position: positions stay the same when the beginning is forgotten. */
export class EventLog {
  #events: ClusterEvent[] = [];
  #first = 0;

  /** The position of the next event. */
  get end(): number {
    return this.#first + this.#events.length;
  }

  append(event: ClusterEvent): void {
    this.#events.push(event);
  }

  since(position: number): readonly ClusterEvent[] {
    return this.#events.slice(position - this.#first);
  }

  /** Nobody will ask for what was before. */
  forget(position: number): void {
    this.#events.splice(0, position - this.#first);
    this.#first = position;
  }
}

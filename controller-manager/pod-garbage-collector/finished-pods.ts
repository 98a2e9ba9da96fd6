import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { isFinished } from "../framework/pods.ts";

/** Finished pods in the order in which they may go: those that were evicted first, then the oldest (upstream: byEvictionAndCreationTimestamp). */
export class FinishedPods {
  readonly #limit: number;
  readonly #ranks = new Map<string, string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  note(pod: Stored<Pod>, isThere: boolean): void {
    if (isThere && isFinished(pod)) this.#ranks.set(pod.metadata.uid, rankOf(pod));
    else this.#ranks.delete(pod.metadata.uid);
  }

  /** More are there than are kept, and it is among those that go. */
  isSurplus({ metadata: { uid } }: Stored<Pod>): boolean {
    const surplus = this.#ranks.size - this.#limit;
    const own = this.#ranks.get(uid);
    if (surplus <= 0 || own === undefined) return false;
    let before = 0;
    for (const rank of this.#ranks.values()) if (rank < own && ++before >= surplus) return false;
    return true;
  }
}

function rankOf({ metadata, status }: Stored<Pod>): string {
  const isEvicted = status?.phase === "Failed" && status.reason === "Evicted";
  return `${isEvicted ? 0 : 1} ${metadata.creationTimestamp} ${metadata.name}`;
}

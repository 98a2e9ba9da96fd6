import { parseQuantity, value } from "#api/quantity";
import { isFinished, specOf, type StoredPod } from "../pod-spec.ts";
import type { MetThreshold, Signal } from "./thresholds.ts";

/** What is used of the resource that runs out, by container. */
export interface PodUse {
  readonly pod: StoredPod;
  readonly containers: ReadonlyMap<string, number>;
  /** What no container has used alone: volumes. */
  readonly shared: number;
}

export interface Victim {
  readonly pod: StoredPod;
  readonly message: string;
}

/** Upstream: scheduling.SystemCriticalPriority. */
const criticalPriority = 2_000_000_000;

const resourceOf: Readonly<Record<Signal, string>> = {
  "memory.available": "memory",
  "nodefs.available": "ephemeral-storage",
  "imagefs.available": "ephemeral-storage",
  "nodefs.inodesFree": "inodes",
  "pid.available": "pids",
};

/**
 * The pod to evict next, in upstream's order: those that use more than they requested, of these the lowest priority, of these who
 * exceeds its request most. Critical pods stay, and who is on the way out need not be pushed.
 */
export function chooseVictim({ signal, least, available }: MetThreshold, uses: readonly PodUse[]): Victim | undefined {
  const resource = resourceOf[signal];
  const evictable = uses.filter(({ pod }) => {
    return !isFinished(pod) && pod.metadata.deletionTimestamp === undefined && priorityOf(pod) < criticalPriority;
  });
  const excess = (use: PodUse): number => usedBy(use) - requestedBy(use.pod, resource);
  const [first] = evictable.toSorted(
    (a, b) => Number(excess(b) > 0) - Number(excess(a) > 0) || priorityOf(a.pod) - priorityOf(b.pod) || excess(b) - excess(a),
  );
  if (first === undefined) return undefined;
  const low = `The node was low on resource: ${resource}. Threshold quantity: ${binary(least)}, available: ${binary(available)}. `;
  const larger = specOf(first.pod).containers.flatMap(({ name, resources }) => {
    const used = first.containers.get(name) ?? 0;
    const request = bytes(resources?.requests?.[resource]);
    if (used <= request) return [];
    return [
      `Container ${name} was using ${binary(used)}, request is ${binary(request)}, has larger consumption of ${resource}. `,
    ];
  });
  return { pod: first.pod, message: `${low}${larger.join("")}` };
}

function usedBy({ containers, shared }: PodUse): number {
  return [...containers.values()].reduce((sum, used) => sum + used, shared);
}

function requestedBy(pod: StoredPod, resource: string): number {
  return specOf(pod).containers.reduce((sum, { resources }) => sum + bytes(resources?.requests?.[resource]), 0);
}

function priorityOf(pod: StoredPod): number {
  return specOf(pod).priority ?? 0;
}

function bytes(quantity: string | number | undefined): number {
  return quantity === undefined ? 0 : value(parseQuantity(quantity));
}

/** As a quantity in the binary format: the largest suffix that loses nothing. */
function binary(amount: number): string {
  let [left, power] = [Math.floor(amount), 0];
  while (left !== 0 && left % 1024 === 0 && power < 4) [left, power] = [left / 1024, power + 1];
  return `${left}${["", "Ki", "Mi", "Gi", "Ti"][power] ?? ""}`;
}

import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { isActive, isReady, readySince } from "../framework/pods.ts";

const deletionCost = "controller.kubernetes.io/pod-deletion-cost";

/**
 * The pods to delete first (upstream: ActivePodsWithRanks): whose loss hurts least, and among equals those that keep the rest spread over
 * nodes. Ages count by orders of magnitude, and within one it is the uid that decides, so that not always the same node's pods go.
 */
export function chooseVictims(
  pods: readonly Stored<Pod>[],
  count: number,
  related: readonly Pod[],
  now: number,
): readonly Stored<Pod>[] {
  if (count >= pods.length) return pods;
  const crowd = podsPerNode(related);
  const crowdOf = (pod: Pod) => crowd.get(pod.spec?.nodeName ?? "") ?? 0;
  const criteria: readonly ((left: Stored<Pod>, right: Stored<Pod>) => number)[] = [
    by((pod) => ((pod.spec?.nodeName ?? "") === "" ? 0 : 1)),
    by(phaseRank),
    by((pod) => (isReady(pod) ? 1 : 0)),
    by(costOf),
    by((pod) => -crowdOf(pod)),
    (left, right) => (isReady(left) && isReady(right) ? compareAges(readySince(left), readySince(right), now) : 0),
    by((pod) => -restartsOf(pod)),
    (left, right) => compareAges(createdAt(left), createdAt(right), now),
    (left, right) => (left.metadata.uid < right.metadata.uid ? -1 : 1),
  ];
  const compare = (left: Stored<Pod>, right: Stored<Pod>) => {
    for (const criterion of criteria) {
      const order = criterion(left, right);
      if (order !== 0) return order;
    }
    return 0;
  };
  return pods.toSorted(compare).slice(0, count);
}

function by(rank: (pod: Stored<Pod>) => number) {
  return (left: Stored<Pod>, right: Stored<Pod>) => rank(left) - rank(right);
}

function phaseRank({ status }: Pod): number {
  return status?.phase === "Running" ? 2 : status?.phase === "Unknown" ? 1 : 0;
}

/** What is not a number counts as none; admission refuses it on the way in. */
function costOf({ metadata }: Pod): number {
  const cost = metadata.annotations?.[deletionCost] ?? "";
  return /^(0|-?[1-9][0-9]*)$/.test(cost) ? Number(cost) : 0;
}

function podsPerNode(related: readonly Pod[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const pod of related) {
    const node = pod.spec?.nodeName ?? "";
    if (isActive(pod) && node !== "") counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}

function restartsOf({ status }: Pod): number {
  return Math.max(0, ...(status?.containerStatuses ?? []).map((container) => container.restartCount));
}

function createdAt({ metadata }: Stored<Pod>): number {
  return Date.parse(metadata.creationTimestamp);
}

/** Younger first; one that has no time at all is the youngest. */
function compareAges(left: number | undefined, right: number | undefined, now: number): number {
  return magnitude(left, now) - magnitude(right, now);
}

function magnitude(since: number | undefined, now: number): number {
  if (since === undefined || since >= now) return -1;
  return Math.floor(Math.log2((now - since) * 1e6));
}

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
  const criteria: readonly Criterion[] = [
    by((pod) => ((pod.spec?.nodeName ?? "") === "" ? 0 : 1)),
    by(phaseRank),
    by((pod) => (isReady(pod) ? 1 : 0)),
    by(costOf),
    by((pod) => -crowdOf(pod)),
    byAge((pod) => (isReady(pod) ? (readySince(pod) ?? "unknown") : "none"), now),
    by((pod) => -restartsOf(pod)),
    by((pod) => -sidecarRestartsOf(pod)),
    byAge(createdAt, now),
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

type Criterion = (left: Stored<Pod>, right: Stored<Pod>) => number;

function by(rank: (pod: Stored<Pod>) => number): Criterion {
  return (left, right) => rank(left) - rank(right);
}

/** Younger first, and before all others who has no time at all. Two that differ by less than an order of magnitude are as good as drawn. */
function byAge(since: (pod: Stored<Pod>) => number | "unknown" | "none", now: number): Criterion {
  return (left, right) => {
    const [leftSince, rightSince] = [since(left), since(right)];
    if (leftSince === rightSince || leftSince === "none" || rightSince === "none") return 0;
    if (leftSince === "unknown") return -1;
    if (rightSince === "unknown") return 1;
    return magnitude(leftSince, now) - magnitude(rightSince, now) || (left.metadata.uid < right.metadata.uid ? -1 : 1);
  };
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

function sidecarRestartsOf({ spec, status }: Pod): number {
  const sidecars = new Set(
    (spec?.initContainers ?? []).flatMap(({ name, restartPolicy }) => (restartPolicy === "Always" ? name : [])),
  );
  const own = (status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name));
  return Math.max(0, ...own.map(({ restartCount }) => restartCount));
}

function createdAt({ metadata }: Stored<Pod>): number | "unknown" {
  return metadata.creationTimestamp === "" ? "unknown" : Date.parse(metadata.creationTimestamp);
}

function magnitude(since: number, now: number): number {
  return since >= now ? -1 : Math.floor(Math.log2((now - since) * 1e6));
}

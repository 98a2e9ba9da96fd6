import { isDeepStrictEqual } from "node:util";
import type { Node, Pod } from "#api/generated/types";
import type { Change } from "#client/informer";
import type { ClusterEvent } from "./cluster-event.ts";
import { requestsOf } from "./resources.ts";

/** What a change of a node means for pods that wait. Undefined: nothing, like a heartbeat. */
export function nodeEvent(change: Change<Node>): ClusterEvent | undefined {
  const { object: node } = change;
  switch (change.type) {
    case "added":
      return { type: "nodeAdded", node };
    case "deleted":
      return { type: "nodeDeleted", node };
    case "updated":
      return isDeepStrictEqual(offerOf(change.old), offerOf(node)) ? undefined : { type: "nodeUpdated", node };
  }
}

/** The same for a pod that has a node, and is there. */
export function placedPodEvent(change: Change<Pod>): ClusterEvent | undefined {
  const { object: pod } = change;
  if (change.type !== "updated" || !isPlaced(change.old)) return { type: "podAdded", pod };
  const { old } = change;
  return isDeepStrictEqual(presenceOf(old), presenceOf(pod)) ? undefined : { type: "podUpdated", pod, old };
}

/** Whether a pod that waits wants something else than before. */
export function wishChanged(change: Change<Pod>): boolean {
  return change.type !== "updated" || !isDeepStrictEqual(wishOf(change.old), wishOf(change.object));
}

export function isFinished({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

export function isPlaced({ spec }: Pod): boolean {
  return (spec?.nodeName ?? "") !== "";
}

function offerOf({ metadata, spec, status }: Node): object {
  return { labels: metadata.labels, taints: spec?.taints, unschedulable: spec?.unschedulable, allocatable: status?.allocatable };
}

/** What of a pod on a node matters to others. */
function presenceOf(pod: Pod): object {
  const { labels, deletionTimestamp } = pod.metadata;
  return { labels, leaving: deletionTimestamp !== undefined, requests: requestsOf(pod) };
}

function wishOf({ metadata, spec }: Pod): object {
  return { labels: metadata.labels, spec };
}

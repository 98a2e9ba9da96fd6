import type { Node, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";

/** What happened in the cluster that may make room for a pod. Pods are those that have a node. */
export type ClusterEvent =
  | { readonly type: "nodeAdded" | "nodeUpdated" | "nodeDeleted"; readonly node: Stored<Node> }
  | { readonly type: "podAdded" | "podDeleted"; readonly pod: Stored<Pod> }
  | { readonly type: "podUpdated"; readonly pod: Stored<Pod>; readonly old: Stored<Pod> }
  | { readonly type: "namespaceChanged" };

/** The node that is new or not as before. */
export function nodeOffered(event: ClusterEvent): Stored<Node> | undefined {
  return event.type === "nodeAdded" || event.type === "nodeUpdated" ? event.node : undefined;
}

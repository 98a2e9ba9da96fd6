import type { Node, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { emptyNode, type NodeInfo, withNode, withoutPod, withPod } from "./node-info.ts";

/** The cluster at one moment. Immutable, so that an attempt sees one truth from beginning to end. */
export interface ClusterSnapshot {
  readonly nodes: readonly NodeInfo[];
}

/**
 * Follows the cluster change by change, and makes snapshots that cost nothing but what changed. A pod that was given a node counts there
 * at once; what the informers show later takes its place.
 */
export class ClusterState {
  /** By name. A node that is not known yet, but has pods, has no entry in `#known`. */
  readonly #infos = new Map<string, NodeInfo>();
  readonly #known = new Set<string>();
  /** Where each pod counts, by uid. */
  readonly #places = new Map<string, string>();
  #snapshot: ClusterSnapshot | undefined;

  snapshot(): ClusterSnapshot {
    this.#snapshot ??= { nodes: [...this.#known].flatMap((name) => this.#infos.get(name) ?? []) };
    return this.#snapshot;
  }

  setNode(node: Stored<Node>): void {
    const { name } = node.metadata;
    const info = this.#infos.get(name);
    this.#known.add(name);
    this.#set(name, info === undefined ? emptyNode(node) : withNode(info, node));
  }

  /** Its pods may outlive it for a while, and come back with it. */
  deleteNode(name: string): void {
    this.#known.delete(name);
    if (this.#infos.get(name)?.pods.size === 0) this.#infos.delete(name);
    this.#snapshot = undefined;
  }

  setPod(pod: Stored<Pod>, node: string): void {
    this.deletePod(pod.metadata.uid);
    this.#places.set(pod.metadata.uid, node);
    this.#set(node, withPod(this.#infos.get(node) ?? emptyNode(unknownNode(node)), pod));
  }

  deletePod(uid: string): void {
    const node = this.#places.get(uid);
    const info = node === undefined ? undefined : this.#infos.get(node);
    this.#places.delete(uid);
    if (node === undefined || info === undefined) return;
    const left = withoutPod(info, uid);
    if (left.pods.size === 0 && !this.#known.has(node)) this.#infos.delete(node);
    else this.#set(node, left);
  }

  #set(name: string, info: NodeInfo): void {
    this.#infos.set(name, info);
    this.#snapshot = undefined;
  }
}

function unknownNode(name: string): Stored<Node> {
  return { metadata: { name, uid: "", resourceVersion: "", creationTimestamp: "" } };
}

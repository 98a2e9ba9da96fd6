import type { Node, Pod, ReplicaSet, Service } from "#api/generated/types";
import type { Labels } from "#api/label-selector";
import type { ObjectKey, Stored } from "#api/object";
import { emptyNode, type NodeInfo, withNode, withoutPod, withPod } from "./node-info.ts";
import { Nominations } from "./nominations.ts";
import { type PodInfo, podInfoOf } from "./pod-info.ts";

/** The cluster at one moment. Immutable, so that an attempt sees one truth from beginning to end. */
export interface ClusterSnapshot {
  readonly nodes: readonly NodeInfo[];
  readonly byName: ReadonlyMap<string, NodeInfo>;
  /** The pods for which room was made on a node, and that are not there yet. */
  nominated(node: string): readonly PodInfo[];
  /** Where room was made for a pod. */
  nominatedNode(uid: string): NodeInfo | undefined;
  readonly related: RelatedObjects;
}

/** Objects other than nodes and pods that decisions depend on. */
export interface RelatedObjects {
  namespaceLabels(name: string): Labels;
  services(namespace: string): readonly Service[];
  replicaSet(key: ObjectKey): ReplicaSet | undefined;
}

export const nothingRelated: RelatedObjects = {
  namespaceLabels: () => ({}),
  services: () => [],
  replicaSet: () => undefined,
};

/**
 * Follows the cluster change by change, and makes snapshots that cost nothing but what changed. A pod that was given a node counts there
 * at once; what the informers show later takes its place.
 */
export class ClusterState {
  readonly nominations = new Nominations();
  readonly #related: RelatedObjects;
  /** By name. A node that is not known yet, but has pods, has no entry in `#known`. */
  readonly #infos = new Map<string, NodeInfo>();
  readonly #known = new Set<string>();
  /** Where each pod counts, by uid. */
  readonly #places = new Map<string, string>();
  #nodes: Pick<ClusterSnapshot, "nodes" | "byName"> | undefined;

  constructor(related: RelatedObjects = nothingRelated) {
    this.#related = related;
  }

  /** Good for one attempt: nominations and related objects are those of the moment. */
  snapshot(): ClusterSnapshot {
    this.#nodes ??= this.#knownNodes();
    const { byName } = this.#nodes;
    return {
      ...this.#nodes,
      nominated: (node) => this.nominations.on(node),
      nominatedNode: (uid) => byName.get(this.nominations.nodeOf(uid) ?? ""),
      related: this.#related,
    };
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
    this.#nodes = undefined;
  }

  /** A pod that has a place waits for none. */
  setPod(pod: Stored<Pod> | PodInfo, node: string): void {
    const info = "pod" in pod ? pod : podInfoOf(pod);
    this.deletePod(info.uid);
    this.nominations.delete(info.uid);
    this.#places.set(info.uid, node);
    this.#set(node, withPod(this.#infos.get(node) ?? emptyNode(unknownNode(node)), info));
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

  #knownNodes(): Pick<ClusterSnapshot, "nodes" | "byName"> {
    const nodes = [...this.#known].flatMap((name) => this.#infos.get(name) ?? []);
    return { nodes, byName: new Map(nodes.map((info) => [info.node.metadata.name, info])) };
  }

  #set(name: string, info: NodeInfo): void {
    this.#infos.set(name, info);
    this.#nodes = undefined;
  }
}

function unknownNode(name: string): Stored<Node> {
  return { metadata: { name, uid: "", resourceVersion: "", creationTimestamp: "" } };
}

import type { Container, Node, Pod, PodSpec, Taint } from "#api/generated/types";
import type { Stored } from "#api/object";
import { ClusterState, type RelatedObjects } from "./snapshot.ts";

export interface NodeOptions {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly labels?: Record<string, string>;
  readonly taints?: readonly Taint[];
  readonly unschedulable?: boolean;
}

export function node(name: string, options: NodeOptions = {}): Stored<Node> {
  const { cpu = "4", memory = "8Gi", pods = "110", labels = {}, taints, unschedulable } = options;
  const metadata = {
    name,
    uid: name,
    resourceVersion: "1",
    creationTimestamp: "",
    labels: { "kubernetes.io/hostname": name, ...labels },
  };
  const spec = { ...(taints && { taints }), ...(unschedulable === true && { unschedulable }) };
  return { metadata, spec, status: { allocatable: { cpu, memory, pods } } };
}

export function pod(name: string, spec: Partial<PodSpec> = {}, metadata: Partial<Pod["metadata"]> = {}): Stored<Pod> {
  const containers = [{ name: "c", image: "i" }];
  return {
    metadata: { namespace: "default", name, uid: name, resourceVersion: "1", creationTimestamp: "", ...metadata },
    spec: { containers, ...spec },
  };
}

export function asks(requests: Record<string, string>, more: Partial<Container> = {}): { containers: Container[] } {
  return { containers: [{ name: "c", image: "i", resources: { requests }, ...more }] };
}

/** Some pods on some nodes. */
export function cluster(
  nodes: readonly Stored<Node>[],
  placed: readonly [Stored<Pod>, string][] = [],
  related?: RelatedObjects,
): ClusterState {
  const state = new ClusterState(related);
  for (const each of nodes) state.setNode(each);
  for (const [each, where] of placed) state.setPod(each, where);
  return state;
}

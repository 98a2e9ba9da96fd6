import { timestamp } from "#base/clock";
import type { ContainerImage, Node, NodeCondition, NodeStatus } from "#api/generated/types";
import type { ImageStatus } from "./images/image-service.ts";
import type { PressureType } from "./eviction/thresholds.ts";
import type { Machine } from "./machine.ts";

export interface NodeInput {
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly podCidr: string;
  readonly machine: Machine;
  readonly pressure: (type: PressureType) => boolean;
  readonly runtimeVersion: string;
  /** Why the runtime as a whole is of no use; absent: it is. */
  readonly runtimeFailure?: string;
  readonly images: readonly ImageStatus[];
  /** Absent where the node serves nothing. */
  readonly port?: number;
  readonly now: number;
  readonly before?: NodeStatus;
}

const kubeletVersion = "v1.36.0+skiff";
const mostPods = 110;
/** Upstream's --node-status-max-images. */
const mostImages = 50;

/** The object a node registers itself with. */
export function newNode(input: NodeInput): Node {
  const { nodeName, podCidr } = input;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: nodeName, labels: nodeLabels(input) },
    spec: { podCIDR: podCidr, podCIDRs: [podCidr] },
    status: nodeStatus(input),
  };
}

export function nodeLabels({ nodeName, machine }: Pick<NodeInput, "nodeName" | "machine">): Readonly<Record<string, string>> {
  const { operatingSystem, architecture } = machine.system;
  return {
    "beta.kubernetes.io/arch": architecture,
    "beta.kubernetes.io/os": operatingSystem,
    "kubernetes.io/arch": architecture,
    "kubernetes.io/hostname": nodeName,
    "kubernetes.io/os": operatingSystem,
  };
}

export function nodeStatus(input: NodeInput): NodeStatus {
  const { machine, nodeName, nodeAddress, runtimeVersion, port, images } = input;
  const resources = {
    cpu: `${machine.cpus}`,
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    "ephemeral-storage": `${Math.floor(machine.storageBytes / 1024)}Ki`,
    pods: `${mostPods}`,
  };
  return {
    addresses: [
      { type: "InternalIP", address: nodeAddress },
      { type: "Hostname", address: nodeName },
    ],
    capacity: resources,
    allocatable: resources,
    conditions: nodeConditions(input),
    nodeInfo: {
      ...machine.system,
      containerRuntimeVersion: runtimeVersion,
      kubeletVersion,
      kubeProxyVersion: "",
    },
    ...(port !== undefined && { daemonEndpoints: { kubeletEndpoint: { Port: port } } }),
    images: imagesOf(images),
  };
}

function nodeConditions({ pressure: isShort, runtimeFailure, now, before }: NodeInput): readonly NodeCondition[] {
  const pressure = (type: PressureType, [good, bad]: readonly [string, string], [fine, scarce]: readonly [string, string]) => ({
    type,
    status: isShort(type) ? "True" : "False",
    reason: isShort(type) ? bad : good,
    message: isShort(type) ? scarce : fine,
  });
  const drafts = [
    pressure(
      "MemoryPressure",
      ["KubeletHasSufficientMemory", "KubeletHasInsufficientMemory"],
      ["kubelet has sufficient memory available", "kubelet has insufficient memory available"],
    ),
    pressure(
      "DiskPressure",
      ["KubeletHasNoDiskPressure", "KubeletHasDiskPressure"],
      ["kubelet has no disk pressure", "kubelet has disk pressure"],
    ),
    pressure(
      "PIDPressure",
      ["KubeletHasSufficientPID", "KubeletHasInsufficientPID"],
      ["kubelet has sufficient PID available", "kubelet has insufficient PID available"],
    ),
    runtimeFailure === undefined
      ? { type: "Ready", status: "True", reason: "KubeletReady", message: "kubelet is posting ready status" }
      : { type: "Ready", status: "False", reason: "KubeletNotReady", message: runtimeFailure },
  ];
  return drafts.map((next) => {
    const old = before?.conditions?.find(({ type }) => type === next.type);
    const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : undefined;
    return { ...next, lastHeartbeatTime: timestamp(now), lastTransitionTime: lastTransitionTime ?? timestamp(now) };
  });
}

/** The largest first. */
function imagesOf(images: readonly ImageStatus[]): readonly ContainerImage[] {
  const largest = images.toSorted((a, b) => b.sizeBytes - a.sizeBytes).slice(0, mostImages);
  return largest.map(({ digests, references, sizeBytes }) => ({ names: [...digests, ...references].slice(0, 5), sizeBytes }));
}

/** Heartbeat times aside: they alone are worth a write only every few minutes. */
export function withoutHeartbeats(status: NodeStatus): NodeStatus {
  const conditions = status.conditions?.map(({ lastHeartbeatTime: _time, ...condition }) => condition);
  return { ...status, ...(conditions !== undefined && { conditions }) };
}

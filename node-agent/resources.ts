import type { Pod, ResourceRequirements } from "#api/generated/types";
import { milliValue, parseQuantity, value } from "#api/quantity";
import { type ContainerSpec, initContainersOf, isSidecar, specOf } from "./pod-spec.ts";
import type { ContainerResources } from "./runtime/runtime.ts";

const period = 100_000;

/** As upstream translates requests and limits for the kernel (kuberuntime, cm/helpers_linux). */
export function containerResources(pod: Pod, container: ContainerSpec, nodeMemoryBytes: number): ContainerResources {
  const { resources = {} } = container;
  const cpuRequest = milliCpu(resources.requests?.["cpu"] === undefined ? resources.limits : resources.requests);
  return {
    ...cpu(cpuRequest, milliCpu(resources.limits)),
    ...memory(bytes(resources.limits)),
    oomScoreAdj: oomScoreAdj(pod, container, nodeMemoryBytes),
  };
}

/** Of the pod's own cgroup: limits hold only where every container has one. */
export function podResources(pod: Pod): ContainerResources {
  const long = [...specOf(pod).containers, ...initContainersOf(pod).filter(isSidecar)];
  const init = initContainersOf(pod).filter((container) => !isSidecar(container));
  const total = (amount: (container: ContainerSpec) => number): number =>
    Math.max(
      long.reduce((sum, container) => sum + amount(container), 0),
      ...init.map(amount),
    );
  const all = [...long, ...init];
  const limited = (amount: (container: ContainerSpec) => number) => (all.every((one) => amount(one) > 0) ? total(amount) : 0);
  const request = total(({ resources }) => milliCpu(resources?.requests));
  return {
    ...cpu(
      request,
      limited(({ resources }) => milliCpu(resources?.limits)),
    ),
    ...memory(limited(({ resources }) => bytes(resources?.limits))),
  };
}

/** Of the cgroup of one class of pods: what they request together. */
export function classResources(pods: readonly Pod[]): ContainerResources {
  return cpu(
    pods.reduce((sum, pod) => sum + milliShares(podResources(pod)), 0),
    0,
  );
}

/** Who is killed first when memory runs out (upstream: qos/policy). */
export function oomScoreAdj(pod: Pod, container: ContainerSpec, nodeMemoryBytes: number): number {
  if (specOf(pod).priorityClassName === "system-node-critical") return -997;
  switch (pod.status?.qosClass) {
    case "Guaranteed":
      return -997;
    case "BestEffort":
      return 1000;
    default: {
      const adjust = 1000 - Math.floor((1000 * bytes(container.resources?.requests)) / nodeMemoryBytes);
      return Math.min(Math.max(adjust, 3), 999);
    }
  }
}

/** Where a pod's cgroup lies below the agent's: by its quality of service. */
export function podCgroup(cgroupRoot: string, pod: Pod & { metadata: { uid: string } }): string {
  return `${classCgroup(cgroupRoot, pod.status?.qosClass)}/pod${pod.metadata.uid}`;
}

export function classCgroup(cgroupRoot: string, qosClass: string | undefined): string {
  const root = `${cgroupRoot}/kubepods`;
  if (qosClass === "Guaranteed") return root;
  return qosClass === "BestEffort" ? `${root}/besteffort` : `${root}/burstable`;
}

function cpu(requestMilli: number, limitMilli: number): ContainerResources {
  const cpuShares = Math.min(Math.max(Math.floor((requestMilli * 1024) / 1000), 2), 262_144);
  if (limitMilli === 0) return { cpuShares };
  return { cpuShares, cpuQuota: Math.max(Math.floor((limitMilli * period) / 1000), 1000), cpuPeriod: period };
}

function memory(limit: number): ContainerResources {
  return limit > 0 ? { memoryLimitBytes: limit } : {};
}

function milliShares({ cpuShares = 0 }: ContainerResources): number {
  return Math.floor((cpuShares * 1000) / 1024);
}

type Amounts = ResourceRequirements["requests"];

function milliCpu(amounts: Amounts): number {
  return amounts?.["cpu"] === undefined ? 0 : milliValue(parseQuantity(amounts["cpu"]));
}

function bytes(amounts: Amounts): number {
  return amounts?.["memory"] === undefined ? 0 : value(parseQuantity(amounts["memory"]));
}

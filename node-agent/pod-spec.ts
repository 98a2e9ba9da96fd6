import type { Stored } from "#api/object";
import type { Container, Pod, PodSpec } from "#api/generated/types";

export type StoredPod = Stored<Pod>;
export type ContainerSpec = Container;

const emptySpec: PodSpec = { containers: [] };

export function specOf(pod: Pod): PodSpec {
  return pod.spec ?? emptySpec;
}

export function initContainersOf(pod: Pod): readonly ContainerSpec[] {
  return specOf(pod).initContainers ?? [];
}

/** Added to a pod that runs, to look at it: started once, never again, and of no weight for the pod's own end. */
export function ephemeralContainersOf(pod: Pod): readonly (ContainerSpec & { readonly targetContainerName?: string })[] {
  return specOf(pod).ephemeralContainers ?? [];
}

export function findContainer(pod: Pod, name: string): ContainerSpec | undefined {
  const all = [...specOf(pod).containers, ...initContainersOf(pod), ...ephemeralContainersOf(pod)];
  return all.find((container) => container.name === name);
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: ContainerSpec): boolean {
  return container.restartPolicy === "Always";
}

export function sidecarsOf(pod: Pod): readonly ContainerSpec[] {
  return initContainersOf(pod).filter(isSidecar);
}

export function restartPolicyOf(pod: Pod): string {
  return specOf(pod).restartPolicy ?? "Always";
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** `name_namespace(uid)`, as the kubelet names pods in messages. */
export function podText(pod: StoredPod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace ?? ""}(${pod.metadata.uid})`;
}

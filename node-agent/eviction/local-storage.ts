import { addQuantities, compareQuantities, parseQuantity, value } from "#api/quantity";
import { initContainersOf, isSidecar, specOf, type ContainerSpec, type StoredPod } from "../pod-spec.ts";

/** What a pod occupies on the node's disk. */
export interface LocalStorageUse {
  /** By name of the volume, those in memory among them. */
  readonly emptyDirs: ReadonlyMap<string, number>;
  /** By name of the container: what it wrote to its root, and its logs. */
  readonly containers: ReadonlyMap<string, number>;
}

const resource = "ephemeral-storage";

/** Whether there is anything to measure for. */
export function limitsLocalStorage(pod: StoredPod): boolean {
  return sizedEmptyDirs(pod).length > 0 || containersOf(pod).some((container) => limitOf(container) !== undefined);
}

/**
 * Why the pod is to be evicted, in upstream's words; undefined when it keeps within its limits (upstream: pkg/kubelet/eviction,
 * localStorageEviction, in this order).
 */
export function exceededLocalStorage(pod: StoredPod, use: LocalStorageUse): string | undefined {
  for (const { name, limit } of sizedEmptyDirs(pod)) {
    if ((use.emptyDirs.get(name) ?? 0) > bytes(limit)) return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
  }
  const limits = containersOf(pod).flatMap((container) => limitOf(container) ?? []);
  if (limits.length > 0) {
    const total = limits.map(parseQuantity).reduce(addQuantities);
    if (compareQuantities(parseQuantity(totalUse(pod, use)), total) > 0) {
      const said = limits.length === 1 ? limits[0] : value(total);
      return `Pod ephemeral local storage usage exceeds the total limit of containers ${said}. `;
    }
  }
  for (const container of containersOf(pod)) {
    const limit = limitOf(container);
    if (limit !== undefined && (use.containers.get(container.name) ?? 0) > bytes(limit))
      return `Container ${container.name} exceeded its local ephemeral storage limit "${limit}". `;
  }
  return undefined;
}

/** What is in memory is not on the disk. */
function totalUse(pod: StoredPod, { emptyDirs, containers }: LocalStorageUse): number {
  const inMemory = (specOf(pod).volumes ?? []).filter(({ emptyDir }) => emptyDir?.medium === "Memory").map(({ name }) => name);
  const onDisk = [...emptyDirs].filter(([name]) => !inMemory.includes(name)).map(([, used]) => used);
  return [...onDisk, ...containers.values()].reduce((sum, used) => sum + used, 0);
}

function sizedEmptyDirs(pod: StoredPod): readonly { readonly name: string; readonly limit: string }[] {
  return (specOf(pod).volumes ?? []).flatMap(({ name, emptyDir }) => {
    const limit = emptyDir?.sizeLimit;
    return limit !== undefined && bytes(limit) > 0 ? [{ name, limit: String(limit) }] : [];
  });
}

/** Those that run for long: an init container's limits end with it. */
function containersOf(pod: StoredPod): readonly ContainerSpec[] {
  return [...specOf(pod).containers, ...initContainersOf(pod).filter(isSidecar)];
}

function limitOf({ resources }: ContainerSpec): string | undefined {
  const limit = resources?.limits?.[resource];
  return limit === undefined ? undefined : String(limit);
}

function bytes(quantity: string | number): number {
  return value(parseQuantity(quantity));
}

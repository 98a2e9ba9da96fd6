import type { ContainerResources } from "../runtime/runtime.ts";

/**
 * The control groups the agent owns: one for all pods of the node, one a pod below it. The runtime makes each container's below
 * its pod's. Paths are below each controller's root, with a leading slash. v1 and v2 differ only behind this.
 */
export interface Cgroups {
  readonly version: 1 | 2;
  /** Makes it in every hierarchy, or finds it made, and sets these limits. */
  ensure(path: string, resources: ContainerResources): Promise<void>;
  /** Kills what is left in it and removes it with everything below. Absent already: succeeds. */
  remove(path: string): Promise<void>;
  /** Names directly below `path`. */
  children(path: string): Promise<readonly string[]>;
}

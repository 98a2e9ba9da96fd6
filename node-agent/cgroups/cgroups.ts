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

/** What the runtime reads of the groups of its containers. */
export interface ContainerCgroups extends Cgroups {
  /** @returns undefined when there is no such group */
  usage(path: string): Promise<CgroupUsage | undefined>;
  /** How many processes of exactly this group the kernel killed for lack of memory. 0 when there is no such group. */
  oomKills(path: string): Promise<number>;
  /** Sends SIGKILL to everything in it and below. */
  kill(path: string): Promise<void>;
}

/** The machine's groups, for whoever looks after them all. */
export interface MachineCgroups extends ContainerCgroups {
  /** Moves a process with all its threads into a group that is there and has none below it. What it starts from now on follows. */
  enter(path: string, pid: number): Promise<void>;
}

export interface CgroupUsage {
  readonly cpuNanoseconds: number;
  readonly workingSetBytes: number;
}

import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "#base/clock";
import type { ContainerResources } from "../runtime/runtime.ts";
import { childGroups, flatKey, killGroup, makeGroup, readCgroupFile, removeGroup, writeCgroupFile } from "./cgroup-files.ts";
import type { CgroupUsage, MachineCgroups } from "./cgroups.ts";

/** One mounted hierarchy. `controllers` is empty for a named one (`name=systemd`), where runtimes leave folders too. */
export interface Hierarchy {
  readonly mountPoint: string;
  readonly controllers: readonly string[];
}

/** cgroup v1: a group is a folder in each of several hierarchies. */
export class CgroupsV1 implements MachineCgroups {
  readonly version = 1;
  readonly #hierarchies: readonly Hierarchy[];
  readonly #strayFolders: readonly string[];
  readonly #clock: Clock;

  /** @param strayFolders where a runtime leaves plain files below the same paths */
  constructor({
    hierarchies,
    strayFolders = [],
    clock,
  }: {
    hierarchies: readonly Hierarchy[];
    strayFolders?: readonly string[];
    clock: Clock;
  }) {
    this.#hierarchies = hierarchies;
    this.#strayFolders = strayFolders;
    this.#clock = clock;
  }

  async ensure(path: string, resources: ContainerResources): Promise<void> {
    for (const { mountPoint, controllers } of this.#hierarchies) {
      makeGroup(join(mountPoint, path));
      if (controllers.includes("cpuset")) await this.#initializeCpuset(mountPoint, path);
    }
    await this.#limit(path, resources);
  }

  async remove(path: string): Promise<void> {
    await Promise.all(this.#hierarchies.map(({ mountPoint }) => removeGroup(join(mountPoint, path), this.#clock)));
    await Promise.all(this.#strayFolders.map((folder) => rm(join(folder, path), { recursive: true, force: true })));
  }

  async children(path: string): Promise<readonly string[]> {
    const names = await Promise.all(this.#hierarchies.map(({ mountPoint }) => childGroups(join(mountPoint, path))));
    return [...new Set(names.flat())].sort();
  }

  async kill(path: string): Promise<void> {
    await Promise.all(this.#hierarchies.map(({ mountPoint }) => killGroup(join(mountPoint, path))));
  }

  async enter(path: string, pid: number): Promise<void> {
    for (const { mountPoint } of this.#hierarchies) await writeCgroupFile(join(mountPoint, path, "cgroup.procs"), pid);
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    const [cpu, memory, stat] = await Promise.all([
      this.#read("cpuacct", path, "cpuacct.usage"),
      this.#read("memory", path, "memory.usage_in_bytes"),
      this.#read("memory", path, "memory.stat"),
    ]);
    if (cpu === undefined || memory === undefined || stat === undefined) return undefined;
    const reclaimable = flatKey(stat, "total_inactive_file") ?? 0;
    return { cpuNanoseconds: Number(cpu), workingSetBytes: Math.max(Number(memory) - reclaimable, 0) };
  }

  /** The counter is not hierarchical: ask for the container's own group. */
  async oomKills(path: string): Promise<number> {
    const control = await this.#read("memory", path, "memory.oom_control");
    return control === undefined ? 0 : (flatKey(control, "oom_kill") ?? 0);
  }

  async #limit(path: string, resources: ContainerResources): Promise<void> {
    const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, pidsLimit } = resources;
    if (cpuShares !== undefined) await this.#write("cpu", path, "cpu.shares", Math.max(cpuShares, 2));
    if (cpuPeriod !== undefined) await this.#write("cpu", path, "cpu.cfs_period_us", cpuPeriod);
    await this.#write("cpu", path, "cpu.cfs_quota_us", cpuQuota ?? -1);
    await this.#limitMemory(path, memoryLimitBytes ?? -1);
    await this.#write("pids", path, "pids.max", pidsLimit ?? "max");
  }

  /** The limit of memory with swap may never be the lower of the two, so the order depends on the direction. */
  async #limitMemory(path: string, limit: number): Promise<void> {
    const now = await this.#read("memory", path, "memory.limit_in_bytes");
    const files = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"];
    const raises = limit === -1 || limit > Number(now ?? 0);
    for (const file of raises ? files.toReversed() : files) {
      const supported = file === "memory.limit_in_bytes" || (await this.#read("memory", path, file)) !== undefined;
      if (supported) await this.#write("memory", path, file, limit);
    }
  }

  /** A cpuset takes no process before it has CPUs and memory nodes: take the parent's, from the top down. */
  async #initializeCpuset(mountPoint: string, path: string): Promise<void> {
    const folder = join(mountPoint, path);
    if (path === "/" || (await this.#hasCpuset(folder))) return;
    await this.#initializeCpuset(mountPoint, dirname(path));
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      const own = await readCgroupFile(join(folder, file));
      const parents = await readCgroupFile(join(dirname(folder), file));
      if (own?.trim() === "" && parents !== undefined) await writeCgroupFile(join(folder, file), parents.trim());
    }
  }

  async #hasCpuset(folder: string): Promise<boolean> {
    for (const file of ["cpuset.cpus", "cpuset.mems"])
      if ((await readCgroupFile(join(folder, file)))?.trim() === "") return false;
    return true;
  }

  #folder(controller: string, path: string): string | undefined {
    const hierarchy = this.#hierarchies.find(({ controllers }) => controllers.includes(controller));
    return hierarchy === undefined ? undefined : join(hierarchy.mountPoint, path);
  }

  async #read(controller: string, path: string, file: string): Promise<string | undefined> {
    const folder = this.#folder(controller, path);
    return folder === undefined ? undefined : readCgroupFile(join(folder, file));
  }

  /** A controller this machine does not mount limits nothing. */
  async #write(controller: string, path: string, file: string, value: string | number): Promise<void> {
    const folder = this.#folder(controller, path);
    if (folder !== undefined) await writeCgroupFile(join(folder, file), value);
  }
}

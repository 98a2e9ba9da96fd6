import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock";
import type { ContainerResources } from "../runtime/runtime.ts";
import { childGroups, flatKey, killGroup, readCgroupFile, removeGroup, writeCgroupFile } from "./cgroup-files.ts";
import type { CgroupUsage, ContainerCgroups } from "./cgroups.ts";

const wanted = ["cpu", "cpuset", "memory", "pids", "io"];

/** cgroup v2: one tree, in which a parent enables the controllers of its children. */
export class CgroupsV2 implements ContainerCgroups {
  readonly version = 2;
  readonly #mountPoint: string;
  readonly #clock: Clock;

  constructor({ mountPoint, clock }: { mountPoint: string; clock: Clock }) {
    this.#mountPoint = mountPoint;
    this.#clock = clock;
  }

  async ensure(path: string, resources: ContainerResources): Promise<void> {
    await this.#ensureWithControllers(path);
    const folder = join(this.#mountPoint, path);
    for (const [file, value] of limits(resources)) {
      const supported = (await readCgroupFile(join(folder, file))) !== undefined;
      if (supported) await writeCgroupFile(join(folder, file), value);
    }
  }

  async remove(path: string): Promise<void> {
    await removeGroup(join(this.#mountPoint, path), this.#clock);
  }

  async children(path: string): Promise<readonly string[]> {
    return childGroups(join(this.#mountPoint, path));
  }

  async kill(path: string): Promise<void> {
    await killGroup(join(this.#mountPoint, path));
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    const folder = join(this.#mountPoint, path);
    const [cpu, memory, stat] = await Promise.all([
      readCgroupFile(join(folder, "cpu.stat")),
      readCgroupFile(join(folder, "memory.current")),
      readCgroupFile(join(folder, "memory.stat")),
    ]);
    if (cpu === undefined || memory === undefined || stat === undefined) return undefined;
    const reclaimable = flatKey(stat, "inactive_file") ?? 0;
    return {
      cpuNanoseconds: (flatKey(cpu, "usage_usec") ?? 0) * 1000,
      workingSetBytes: Math.max(Number(memory) - reclaimable, 0),
    };
  }

  async oomKills(path: string): Promise<number> {
    const events = await readCgroupFile(join(this.#mountPoint, path, "memory.events"));
    return events === undefined ? 0 : (flatKey(events, "oom_kill") ?? 0);
  }

  /** From the top down; each parent hands on what it has itself. */
  async #ensureWithControllers(path: string): Promise<void> {
    let folder = this.#mountPoint;
    for (const name of path.split("/").filter((part) => part !== "")) {
      const available = ((await readCgroupFile(join(folder, "cgroup.controllers"))) ?? "").trim().split(" ");
      const enabled = ((await readCgroupFile(join(folder, "cgroup.subtree_control"))) ?? "").trim().split(" ");
      for (const controller of wanted) {
        if (!available.includes(controller) || enabled.includes(controller)) continue;
        await writeCgroupFile(join(folder, "cgroup.subtree_control"), `+${controller}`);
      }
      folder = join(folder, name);
      await mkdir(folder, { recursive: true });
    }
  }
}

function limits(resources: ContainerResources): readonly (readonly [string, string | number])[] {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, pidsLimit } = resources;
  const quota = cpuQuota === undefined || cpuQuota < 0 ? "max" : String(cpuQuota);
  return [
    ...(cpuShares === undefined ? [] : [["cpu.weight", cpuWeight(cpuShares)] as const]),
    ["cpu.max", `${quota} ${cpuPeriod ?? 100_000}`],
    ["memory.max", memoryLimitBytes ?? "max"],
    ["pids.max", pidsLimit ?? "max"],
  ];
}

/** Shares 2…262144 onto weights 1…10000, as the OCI runtimes and upstream's kubelet convert them. */
export function cpuWeight(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((bounded - 2) * 9999) / 262_142);
}

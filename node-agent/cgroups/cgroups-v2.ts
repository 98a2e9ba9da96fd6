import { join } from "node:path";
import type { Clock } from "#base/clock";
import type { ContainerResources } from "../runtime/runtime.ts";
import {
  childGroups,
  flatKey,
  isGone,
  killGroup,
  makeGroup,
  readCgroupFile,
  removeGroup,
  writeCgroupFile,
} from "./cgroup-files.ts";
import type { CgroupUsage, MachineCgroups } from "./cgroups.ts";
import { handOnControllers } from "./controllers-v2.ts";

/** cgroup v2: one tree, in which a parent enables the controllers of its children. */
export class CgroupsV2 implements MachineCgroups {
  readonly version = 2;
  readonly #mountPoint: string;
  readonly #clock: Clock;

  constructor({ mountPoint, clock }: { mountPoint: string; clock: Clock }) {
    this.#mountPoint = mountPoint;
    this.#clock = clock;
  }

  /** @throws Error when this machine has not the controller that a limit needs */
  async ensure(path: string, resources: ContainerResources): Promise<void> {
    await this.#ensureWithControllers(path);
    const folder = join(this.#mountPoint, path);
    for (const { file, value, isLimit } of settings(resources)) {
      const supported = (await readCgroupFile(join(folder, file))) !== undefined;
      if (supported) await writeCgroupFile(join(folder, file), value);
      else if (isLimit)
        throw new Error(`cannot set ${file} to ${value}: the ${controllerOf(file)} controller is off on this machine`);
    }
  }

  async remove(path: string): Promise<void> {
    await removeGroup(join(this.#mountPoint, path), this.#clock, killTree);
  }

  async children(path: string): Promise<readonly string[]> {
    return childGroups(join(this.#mountPoint, path));
  }

  async kill(path: string): Promise<void> {
    await killTree(join(this.#mountPoint, path));
  }

  async enter(path: string, pid: number): Promise<void> {
    await writeCgroupFile(join(this.#mountPoint, path, "cgroup.procs"), pid);
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

  /** `memory.events` counts groups below too; the local one is there from Linux 5.2 on. */
  async oomKills(path: string): Promise<number> {
    const folder = join(this.#mountPoint, path);
    const events =
      (await readCgroupFile(join(folder, "memory.events.local"))) ?? (await readCgroupFile(join(folder, "memory.events")));
    return events === undefined ? 0 : (flatKey(events, "oom_kill") ?? 0);
  }

  /** From the top down; each parent hands on what it has itself. */
  async #ensureWithControllers(path: string): Promise<void> {
    let folder = this.#mountPoint;
    for (const name of path.split("/").filter((part) => part !== "")) {
      await handOnControllers(folder, { isMountPoint: folder === this.#mountPoint });
      folder = join(folder, name);
      makeGroup(folder);
    }
  }
}

/** At once, so that nothing forks its way out; before Linux 5.14 one by one. */
async function killTree(folder: string): Promise<void> {
  try {
    await writeCgroupFile(join(folder, "cgroup.kill"), 1);
  } catch (error) {
    if (!isGone(error)) throw error;
    await killGroup(folder);
  }
}

interface Setting {
  readonly file: string;
  readonly value: string | number;
  /** Without it the group would use more than it may. */
  readonly isLimit: boolean;
}

function settings(resources: ContainerResources): readonly Setting[] {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, pidsLimit } = resources;
  const quota = cpuQuota === undefined || cpuQuota < 0 ? "max" : String(cpuQuota);
  return [
    ...(cpuShares === undefined ? [] : [{ file: "cpu.weight", value: cpuWeight(cpuShares), isLimit: false }]),
    { file: "cpu.max", value: `${quota} ${cpuPeriod ?? 100_000}`, isLimit: quota !== "max" },
    { file: "memory.max", value: memoryLimitBytes ?? "max", isLimit: memoryLimitBytes !== undefined },
    { file: "pids.max", value: pidsLimit ?? "max", isLimit: pidsLimit !== undefined },
  ];
}

function controllerOf(file: string): string {
  return file.slice(0, file.indexOf("."));
}

/** Shares 2…262144 onto weights 1…10000, as the OCI runtimes and upstream's kubelet convert them. */
export function cpuWeight(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((bounded - 2) * 9999) / 262_142);
}

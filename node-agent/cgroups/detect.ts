import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "#base/clock";
import { CgroupsV1 } from "./cgroups-v1.ts";
import type { Hierarchy } from "./cgroups-v1.ts";
import { CgroupsV2 } from "./cgroups-v2.ts";
import type { MachineCgroups } from "./cgroups.ts";

/** Looks at what this process's mount namespace has mounted. @throws Error when there are no control groups */
export async function detectCgroups({ clock }: { clock: Clock }): Promise<MachineCgroups> {
  const layout = parseCgroupLayout(await readFile("/proc/self/mountinfo", "utf8"));
  if (layout.version === 1) return new CgroupsV1({ hierarchies: layout.hierarchies, strayFolders: strayFolders(layout), clock });
  return new CgroupsV2({ mountPoint: layout.mountPoint, clock });
}

export type CgroupLayout =
  | { readonly version: 1; readonly hierarchies: readonly Hierarchy[]; /** A v2 tree beside them. */ readonly hybrid?: string }
  | { readonly version: 2; readonly mountPoint: string };

/**
 * Where a hybrid layout's v2 tree was unmounted for crun's sake, crun still makes a folder with files for each container at its mount
 * point: plain ones, which no kernel removes and whose process numbers mean nothing.
 */
function strayFolders({ hierarchies, hybrid }: Extract<CgroupLayout, { version: 1 }>): readonly string[] {
  const folder = join(dirname(hierarchies[0]?.mountPoint ?? "/"), "unified");
  return hybrid === undefined && existsSync(folder) ? [folder] : [];
}

/**
 * A memory controller in v1 decides for v1, whatever v2 tree lies beside it. The same trees may be mounted elsewhere too, in a chroot
 * say: what the runtimes use is at the usual place.
 */
export function parseCgroupLayout(mountinfo: string): CgroupLayout {
  const all = mountinfo.split("\n").flatMap(parseMount);
  const usual = all.filter(({ mountPoint }) => `${mountPoint}/`.startsWith("/sys/fs/cgroup/"));
  const mounts = usual.some(({ type }) => type.startsWith("cgroup")) ? usual : all;
  const hierarchies = mounts
    .filter(({ type }) => type === "cgroup")
    .map(({ mountPoint, options }) => ({ mountPoint, controllers: options.filter((option) => knownControllers.has(option)) }));
  const unified = mounts.find(({ type }) => type === "cgroup2")?.mountPoint;
  if (hierarchies.some(({ controllers }) => controllers.includes("memory"))) {
    return { version: 1, hierarchies: uniqueByMountPoint(hierarchies), ...(unified !== undefined && { hybrid: unified }) };
  }
  if (unified === undefined) throw new Error("no control groups are mounted: neither cgroup v2 nor v1's memory controller");
  return { version: 2, mountPoint: unified };
}

const knownControllers = new Set(
  "cpu cpuacct cpuset memory pids devices freezer blkio net_cls net_prio perf_event hugetlb rdma misc".split(" "),
);

/** One line: id parent major:minor root mountPoint options [optional…] - type source superOptions */
function parseMount(line: string): { mountPoint: string; type: string; options: readonly string[] }[] {
  const [left = "", right] = line.split(" - ");
  const mountPoint = left.split(" ")[4];
  const [type = "", , superOptions = ""] = right?.split(" ") ?? [];
  return mountPoint === undefined || right === undefined ? [] : [{ mountPoint, type, options: superOptions.split(",") }];
}

function uniqueByMountPoint(hierarchies: readonly Hierarchy[]): readonly Hierarchy[] {
  return [...new Map(hierarchies.map((hierarchy) => [hierarchy.mountPoint, hierarchy])).values()];
}

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readCgroupFile, refusalCode, writeCgroupFile } from "./cgroup-files.ts";

const wanted = ["cpu", "cpuset", "memory", "pids", "io"];

/**
 * Lets the groups below `folder` have the controllers that it has itself. One that cannot be enabled stays off, alone: a kernel may
 * have it elsewhere (a v1 hierarchy), or refuse it (cpu, while real-time processes run). Whoever needs it finds its files missing.
 */
export async function handOnControllers(folder: string, { isMountPoint }: { isMountPoint: boolean }): Promise<void> {
  const [available, enabled] = await Promise.all([words(folder, "cgroup.controllers"), words(folder, "cgroup.subtree_control")]);
  const missing = wanted.filter((controller) => available.has(controller) && !enabled.has(controller));
  const busy = await refusedAsBusy(folder, missing);
  if (busy.length === 0 || !isMountPoint) return;
  await moveProcessesDown(folder);
  await refusedAsBusy(folder, busy);
}

/** One write each: the kernel refuses a line as a whole. */
async function refusedAsBusy(folder: string, controllers: readonly string[]): Promise<readonly string[]> {
  const busy: string[] = [];
  for (const controller of controllers) {
    try {
      await writeCgroupFile(join(folder, "cgroup.subtree_control"), `+${controller}`);
    } catch (error) {
      if (refusalCode(error) === "EBUSY") busy.push(controller);
    }
  }
  return busy;
}

/**
 * Only the kernel's own root may hold processes and hand on controllers. What a container takes for its root is none, and the
 * container's processes are in it: they go into a group beside ours, as the entry points of kind and Docker-in-Docker do it.
 */
async function moveProcessesDown(root: string): Promise<void> {
  const beside = join(root, "init");
  await mkdir(beside, { recursive: true });
  const attempts = 5;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const pids = [...(await words(root, "cgroup.procs"))].filter((pid) => pid !== "0");
    if (pids.length === 0) return;
    for (const pid of pids) await moveOne(pid, beside);
  }
}

async function moveOne(pid: string, group: string): Promise<void> {
  try {
    await writeCgroupFile(join(group, "cgroup.procs"), pid);
  } catch (error) {
    // It has ended, or is a zombie.
    if (refusalCode(error) !== "ESRCH") throw error;
  }
}

async function words(folder: string, file: string): Promise<ReadonlySet<string>> {
  return new Set(((await readCgroupFile(join(folder, file))) ?? "").split(/\s+/).filter((word) => word !== ""));
}

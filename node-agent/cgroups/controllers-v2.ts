import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readCgroupFile, refusalCode, writeCgroupFile } from "./cgroup-files.ts";

/**
 * Memory first: the kernel refuses it where processes are in the way. The others it would hand on even so, and make the groups below
 * threaded ones, which take no processes.
 */
const wanted = ["memory", "cpu", "cpuset", "pids", "io"];

/**
 * Lets the groups below `folder` have the controllers that it has itself. One that cannot be enabled stays off, alone: a kernel may
 * have it elsewhere (a v1 hierarchy), or refuse it (cpu, while real-time processes run). Whoever needs it finds its files missing.
 * @throws Error when processes are in the way
 */
export async function handOnControllers(folder: string, { isMountPoint }: { isMountPoint: boolean }): Promise<void> {
  const [available, enabled] = await Promise.all([words(folder, "cgroup.controllers"), words(folder, "cgroup.subtree_control")]);
  const missing = wanted.filter((controller) => available.has(controller) && !enabled.has(controller));
  if (missing.length > 0 && isMountPoint && !(await isKernelRoot(folder))) await moveProcessesDown(folder);
  // One write each: the kernel refuses a line as a whole.
  for (const controller of missing) {
    try {
      await writeCgroupFile(join(folder, "cgroup.subtree_control"), `+${controller}`);
    } catch (error) {
      if (refusalCode(error) === "EBUSY") throw error;
    }
  }
}

/** Only that one may hold processes and hand on controllers, and has no type. */
async function isKernelRoot(folder: string): Promise<boolean> {
  return (await readCgroupFile(join(folder, "cgroup.type"))) === undefined;
}

/**
 * What a container takes for the root is none, and the container's processes are in it: they go into a group beside ours, as the
 * entry points of kind and Docker-in-Docker do it. Processes that are not seen in here, told as 0, stay.
 */
async function moveProcessesDown(root: string): Promise<void> {
  const beside = join(root, "init");
  const attempts = 5;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const pids = [...(await words(root, "cgroup.procs"))].filter((pid) => pid !== "0");
    if (pids.length === 0) return;
    await mkdir(beside, { recursive: true });
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

import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import { detectCgroups } from "#node-agent/cgroups/detect";
import { processesCgroup } from "../local-nodes/cgroup-names.ts";
import type { ClusterPaths } from "../state/cluster-config.ts";

/**
 * Takes a process, and all it will start, out of the group of whoever ran `up`: a login session's ends with its processes, and
 * counts them. In a group of the cluster's own `down` finds whatever is left. Only for clusters with nodes: a control plane alone needs no root.
 */
export async function enterClusterCgroup(
  paths: Pick<ClusterPaths, "nodes">,
  { clock, log }: { clock: Clock; log: Logger },
  pid: number = process.pid,
): Promise<void> {
  try {
    const cgroups = await detectCgroups({ clock });
    const group = processesCgroup(paths.nodes);
    await cgroups.ensure(group, {});
    await cgroups.enter(group, pid);
  } catch (error) {
    log.warn("a process stays in the control group of whoever started it", { pid, error });
  }
}

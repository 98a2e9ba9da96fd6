import { systemClock } from "#base/clock";
import type { Logger } from "#base/logger";
import { systemRandom } from "#base/random";
import { runImageService } from "#node-agent/images/main";
import { readConfig, type ClusterPaths } from "../state/cluster-config.ts";
import { aborted } from "./aborted.ts";
import { enterClusterCgroup } from "./enter-cgroup.ts";

/** The process that pulls and unpacks images for all nodes of the cluster. */
export async function runClusterImageService(paths: ClusterPaths, log: Logger, signal: AbortSignal): Promise<void> {
  const config = await readConfig(paths);
  if (config === undefined) throw new Error(`there is no cluster in ${paths.root}`);
  await enterClusterCgroup(paths, { clock: systemClock, log });
  await runImageService({
    stateDirectory: paths.images,
    socketPath: paths.imageSocket,
    mirrors: config.registryMirrors,
    clock: systemClock,
    random: systemRandom,
    log,
    signal,
  });
  await aborted(signal);
}

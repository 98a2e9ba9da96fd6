import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { ClusterPaths } from "../state/cluster-config.ts";
import type { Processes } from "../processes/processes.ts";
import { flush } from "../state/flush.ts";

/** Where the folders of a restore are. */
export interface RestorePaths {
  /** Being made: worth nothing. */
  readonly making: string;
  /** Made: it is the store from here on, whatever it is called. */
  readonly made: string;
  /** What the store was before the last restore. */
  readonly before: string;
}

export function restorePaths({ store }: ClusterPaths): RestorePaths {
  return { making: `${store}.restoring`, made: `${store}.restored`, before: `${store}.before-restore` };
}

/**
 * Makes what lies in `making`, closed and on the disk, the cluster's store. One renaming decides: killed before it the old store is
 * there, after it the new one, as soon as `settleStore` has put it in its place.
 */
export async function replaceStore(paths: ClusterPaths): Promise<void> {
  const { making, made } = restorePaths(paths);
  await rename(making, made);
  await flush(paths.root);
  await settleFolders(paths);
}

/** The cluster's own etcd while a command works on its store: a process of the cluster, so that one that was left is found and ended. */
export const temporaryEtcd = "etcd-for-snapshots";

/**
 * Finishes a restore that was interrupted after it had decided, and forgets one that had not. To be called before the store of a
 * cluster that is down is opened.
 */
export async function settleStore(paths: ClusterPaths, processes: Processes): Promise<void> {
  await processes.stop(temporaryEtcd);
  await settleFolders(paths);
}

async function settleFolders(paths: ClusterPaths): Promise<void> {
  const { making, made, before } = restorePaths(paths);
  if (existsSync(made)) {
    if (existsSync(paths.store)) {
      await rm(before, { recursive: true, force: true });
      await rename(paths.store, before);
      await flush(paths.root);
    }
    await rename(made, paths.store);
    await flush(paths.root);
  }
  await rm(making, { recursive: true, force: true });
}

import { existsSync } from "node:fs";
import { openEmbeddedStorage } from "#apiserver/storage/embedded/embedded-storage";
import type { Storage } from "#apiserver/storage/storage";
import { CommandFailure } from "../failure.ts";
import type { Processes } from "../processes/processes.ts";
import { chooseEtcdPort } from "../state/choose-port.ts";
import type { ClusterConfig, ClusterPaths } from "../state/cluster-config.ts";
import { openEtcd, openStore, type StoreDependencies } from "./open-store.ts";
import { findEtcd, ownEtcd, ownEtcdCommand } from "./own-etcd.ts";
import { temporaryEtcd } from "./replace-store.ts";

export interface OfflineDependencies extends StoreDependencies {
  readonly processes: Processes;
  /** To look for programs in. */
  readonly path: string;
}

/** What a cluster that is down keeps its objects in, for as long as `work` takes. @throws CommandFailure, StorageError */
export async function withOfflineStore<T>(
  config: ClusterConfig,
  paths: ClusterPaths,
  deps: OfflineDependencies,
  work: (storage: Storage) => Promise<T>,
): Promise<T> {
  const { clock, log, processes } = deps;
  if (config.store === "memory") {
    throw new CommandFailure(`cluster "${config.name}" is down, and with the memory store nothing of it is left`);
  }
  const isOwn = config.etcd === undefined || "ownPort" in config.etcd;
  if (isOwn && !existsSync(paths.store)) throw new CommandFailure(`cluster "${config.name}" has no store in ${paths.store}`);
  if (config.store === "embedded") {
    return closing(await openEmbeddedStorage({ directory: paths.store, clock, log }), work);
  }
  if (!isOwn || (await processes.running()).has(ownEtcd)) return closing((await openStore(config, paths, deps)).storage, work);
  return withTemporaryEtcd(config, paths, deps, work);
}

/** Runs the cluster's own etcd on the store of `paths`, and ends it. @throws StorageError when it does not come up */
export async function withTemporaryEtcd<T>(
  config: ClusterConfig,
  paths: ClusterPaths,
  deps: OfflineDependencies,
  work: (storage: Storage) => Promise<T>,
): Promise<T> {
  const { processes, path, clock, signal } = deps;
  await processes.stop(temporaryEtcd);
  // While the cluster is down its own port may be somebody else's.
  const ownPort = await chooseEtcdPort(new Set());
  await processes.startProgram(temporaryEtcd, await ownEtcdCommand(findEtcd(path), ownPort, paths, deps));
  const ended = new AbortController();
  const watching = new AbortController();
  const watch = async (): Promise<void> => {
    while (!watching.signal.aborted) {
      const why = await processes.firstEnded([temporaryEtcd]);
      if (why !== undefined) ended.abort(new CommandFailure(why));
      await clock.sleep(100, watching.signal).catch(() => undefined);
    }
  };
  const watched = watch();
  try {
    const opening = openEtcd({ ...config, etcd: { ownPort } }, paths, {
      ...deps,
      signal: AbortSignal.any([signal, ended.signal]),
    });
    return await closing(await opening, work);
  } finally {
    watching.abort();
    await watched;
    await processes.stop(temporaryEtcd);
  }
}

async function closing<T>(storage: Storage, work: (storage: Storage) => Promise<T>): Promise<T> {
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

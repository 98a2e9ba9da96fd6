import type { HealthCheck } from "#apiserver/http/health";
import { openEmbeddedStorage } from "#apiserver/storage/embedded/embedded-storage";
import type { EtcdOptions } from "#apiserver/storage/etcd/etcd-options";
import type { EtcdStorage } from "#apiserver/storage/etcd/etcd-storage";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { unfinishedRestoreKey } from "#apiserver/storage/snapshot/restore-into";
import { StorageError, type Storage } from "#apiserver/storage/storage";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { ClusterConfig, ClusterPaths } from "../state/cluster-config.ts";
import { externalEtcdOptions, type EtcdConfig } from "./etcd-config.ts";
import { ownEtcdOptions } from "./own-etcd.ts";

export interface OpenedStore {
  readonly storage: Storage;
  readonly checks: readonly HealthCheck[];
  /** Rejects when it can go on only by being opened again. */
  readonly failed?: Promise<never>;
}

export interface StoreDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const etcdPatienceMs = 20_000;
const retryMs = 100;

/** The store that the cluster keeps its objects in. @throws StorageError when it cannot be had */
export async function openStore(config: ClusterConfig, paths: ClusterPaths, deps: StoreDependencies): Promise<OpenedStore> {
  const { clock, log } = deps;
  if (config.store === "memory") return { storage: new MemoryStorage({ clock, log }), checks: [] };
  if (config.store === "embedded") {
    const embedded = await openEmbeddedStorage({ directory: paths.store, clock, log });
    const check: HealthCheck = { name: "store", readinessOnly: true, check: () => embedded.trouble };
    return { storage: embedded, checks: [check], failed: embedded.failed };
  }
  const storage = await openEtcd(config, paths, deps);
  try {
    await refuseUnfinishedRestore(storage);
  } catch (error) {
    await storage.close();
    throw error;
  }
  return { storage, checks: etcdChecks(storage) };
}

/** The etcd of a cluster that has one, also where a restore was not finished. @throws StorageError when it cannot be had */
export async function openEtcd({ etcd }: ClusterConfig, paths: ClusterPaths, deps: StoreDependencies): Promise<EtcdStorage> {
  if (etcd === undefined) throw new Error(`${paths.config} does not say where its etcd is`);
  return openWhenThere(await etcdOptions(etcd, paths, deps), deps);
}

async function refuseUnfinishedRestore(storage: Storage): Promise<void> {
  if ((await storage.get(unfinishedRestoreKey)) === undefined) return;
  throw new StorageError(
    "Corrupt",
    `a restore into this etcd was interrupted: do it again, "skiff snapshot restore", or restore what was there before`,
  );
}

/** As upstream names them: `etcd` is being reached at all, `etcd-readiness` also that what is read is kept up to date. */
function etcdChecks(storage: EtcdStorage): HealthCheck[] {
  return [
    { name: "etcd", check: () => storage.trouble.requests },
    { name: "etcd-readiness", readinessOnly: true, check: () => storage.trouble.requests ?? storage.trouble.watch },
  ];
}

function etcdOptions(config: EtcdConfig, paths: ClusterPaths, deps: StoreDependencies): Promise<EtcdOptions> {
  return "ownPort" in config ? ownEtcdOptions(config.ownPort, paths, deps) : externalEtcdOptions(config);
}

/** One that is being started answers a moment later. One that refuses us does not come to think otherwise. */
async function openWhenThere(etcd: EtcdOptions, { clock, random, log, signal }: StoreDependencies): Promise<EtcdStorage> {
  // Loaded here, because most clusters do without it.
  const { openEtcdStorage, isUnreachable } = await import("#apiserver/storage/etcd/etcd-storage");
  const deadline = clock.monotonic() + etcdPatienceMs;
  for (;;) {
    try {
      return await openEtcdStorage({ etcd, clock, random, log });
    } catch (error) {
      if (!isUnreachable(error) || clock.monotonic() > deadline) throw error;
      await clock.sleep(retryMs, signal);
    }
  }
}

import { existsSync } from "node:fs";
import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { snapshotPath } from "#apiserver/http/snapshot";
import { makeStoreIn, revisionOfStoreIn } from "#apiserver/storage/embedded/store-folder";
import { openEmbeddedStorage } from "#apiserver/storage/embedded/embedded-storage";
import { readSnapshot, type SnapshotStatus } from "#apiserver/storage/snapshot/read-snapshot";
import { restoreInto, unfinishedRestoreKey } from "#apiserver/storage/snapshot/restore-into";
import { writeSnapshot } from "#apiserver/storage/snapshot/write-snapshot";
import type { Revision, Storage } from "#apiserver/storage/storage";
import { systemClock, timestamp } from "#base/clock";
import { silentLogger } from "#base/logger";
import { packageVersion } from "#base/package-version";
import { systemRandom } from "#base/random";
import { restClient } from "#client/rest-client";
import { CommandFailure } from "../failure.ts";
import { Processes } from "../processes/processes.ts";
import { readConfig, type ClusterConfig, type ClusterPaths } from "../state/cluster-config.ts";
import { flush } from "../state/flush.ts";
import { withStateLock } from "../state/state-lock.ts";
import { withOfflineStore, withTemporaryEtcd, type OfflineDependencies } from "../store/offline-store.ts";
import { openEtcd } from "../store/open-store.ts";
import { replaceStore, restorePaths, settleStore } from "../store/replace-store.ts";
import { checkSnapshotFile, refuseExisting, snapshotBytes, writeSnapshotFile } from "../store/snapshot-file.ts";
import { controlPlane, noSuchCluster, type Cluster } from "./cluster.ts";

/** Says how far something has come: of bytes or objects. */
export type Counting = (text: string) => void;

export interface Restored {
  readonly status: SnapshotStatus;
  /** Where what the store held before is. */
  readonly before: string | undefined;
}

/** `skiff snapshot` of one cluster. */
export class Snapshots {
  readonly #cluster: Cluster;
  readonly #paths: ClusterPaths;
  readonly #processes: Processes;
  readonly #deps: OfflineDependencies;
  readonly #counting: Counting;

  constructor(cluster: Cluster, { path, counting }: { readonly path: string; readonly counting: Counting }) {
    this.#cluster = cluster;
    this.#paths = cluster.paths;
    this.#processes = new Processes(cluster.paths, systemClock);
    this.#counting = counting;
    const never = new AbortController().signal;
    const shared = { clock: systemClock, random: systemRandom, log: silentLogger, signal: never };
    this.#deps = { ...shared, processes: this.#processes, path };
  }

  /** From the running API server, else from the store itself. @throws CommandFailure, StatusError */
  async save(file: string, { force }: { readonly force: boolean }): Promise<SnapshotStatus> {
    refuseExisting(file, force);
    const config = await this.#config();
    if ((await this.#processes.running()).has(controlPlane)) return this.#saveRunning(file, force);
    return withStateLock(this.#paths, async () => {
      await settleStore(this.#paths, this.#processes);
      return withOfflineStore(config, this.#paths, this.#deps, (storage) => this.#saveStore(storage, file, force));
    });
  }

  /**
   * Makes the store of a cluster that is down hold what the snapshot holds. Killed at any moment it leaves the old store or the new
   * one; an etcd that others run, one that says that it is neither, until this is done again. @throws CommandFailure
   */
  async restore(file: string): Promise<Restored> {
    const config = await this.#config();
    if (config.store === "memory") {
      throw new CommandFailure(`cluster "${config.name}" has the memory store, which begins empty with each "skiff up"`);
    }
    await this.#refuseRunning(config);
    const status = await checkSnapshotFile(file);
    return withStateLock(this.#paths, async () => {
      await this.#refuseRunning(config);
      await settleStore(this.#paths, this.#processes);
      if (config.store === "embedded") await this.#restoreEmbedded(file, status);
      else if (config.etcd !== undefined && "ownPort" in config.etcd) await this.#restoreOwnEtcd(config, file);
      else return { status, before: await this.#restoreExternalEtcd(config, file) };
      const { before } = restorePaths(this.#paths);
      return { status, before: existsSync(before) ? before : undefined };
    });
  }

  async #config(): Promise<ClusterConfig> {
    const config = await readConfig(this.#paths);
    if (config === undefined) throw noSuchCluster(this.#cluster.name);
    return config;
  }

  async #refuseRunning({ name }: ClusterConfig): Promise<void> {
    if ((await this.#processes.running()).size === 0) return;
    const command = `skiff down${name === "skiff" ? "" : ` --name ${name}`}`;
    throw new CommandFailure(`cluster "${name}" is running: "${command}" stops it, and only then its store can be replaced`);
  }

  async #saveRunning(file: string, force: boolean): Promise<SnapshotStatus> {
    const client = restClient(await this.#cluster.kubeconfigEntry(), () => undefined);
    try {
      return await writeSnapshotFile(file, client.stream({ path: snapshotPath }), { force, progress: this.#saved });
    } finally {
      client.close();
    }
  }

  async #saveStore(storage: Storage, file: string, force: boolean): Promise<SnapshotStatus> {
    const about = { takenAt: timestamp(systemClock.now()), skiffVersion: packageVersion() };
    const bytes = writeSnapshot(await storage.dump("/registry/"), about);
    return writeSnapshotFile(file, bytes, { force, progress: this.#saved });
  }

  async #restoreEmbedded(file: string, { revision }: SnapshotStatus): Promise<void> {
    const { making } = restorePaths(this.#paths);
    await makeStoreIn(making, beyond(revision, await revisionOfStoreIn(this.#paths.store)));
    const storage = await openEmbeddedStorage({ directory: making, ...this.#deps });
    await this.#fill(storage, file).finally(() => storage.close());
    await replaceStore(this.#paths);
  }

  /**
   * In a copy of the old store, because etcd counts revisions by writes: what it has counted already need not be counted again. An old
   * store that etcd does not start with is left out.
   */
  async #restoreOwnEtcd(config: ClusterConfig, file: string): Promise<void> {
    const { making } = restorePaths(this.#paths);
    const fill = (): Promise<void> =>
      withTemporaryEtcd(config, { ...this.#paths, store: making }, this.#deps, (storage) => this.#fill(storage, file));
    if (existsSync(this.#paths.store)) {
      await cp(this.#paths.store, making, { recursive: true });
      await fill().catch(async (error: unknown) => {
        if (!(error instanceof CommandFailure)) throw error;
        await rm(making, { recursive: true, force: true });
        await fill();
      });
    } else await fill();
    await flushAll(making);
    await replaceStore(this.#paths);
  }

  async #restoreExternalEtcd(config: ClusterConfig, file: string): Promise<string> {
    const before = join(this.#paths.root, "before-restore.snapshot");
    const storage = await openEtcd(config, this.#paths, this.#deps);
    try {
      const isUnfinished = (await storage.get(unfinishedRestoreKey)) !== undefined;
      if (!isUnfinished || !existsSync(before)) await this.#saveStore(storage, before, true);
      await this.#fill(storage, file);
    } finally {
      await storage.close();
    }
    return before;
  }

  async #fill(storage: Storage, file: string): Promise<void> {
    const snapshot = await readSnapshot(snapshotBytes(file));
    await restoreInto(storage, snapshot, (done, of) => this.#counting(`${done} of ${of} objects`));
  }

  readonly #saved = (bytes: number): void => this.#counting(`${(bytes / 1e6).toFixed(1)} MB`);
}

/**
 * Behind everything that clients can have seen. A store that has not come as far as the snapshot is not the one that it was taken
 * from, or not the latest of it: how far that one came nobody here knows.
 */
function beyond(snapshot: Revision, store: Revision | undefined): Revision {
  return store !== undefined && store >= snapshot ? store : snapshot + unknownFuture;
}

/** As etcd's documentation recommends for `etcdutl snapshot restore --bump-revision`. */
const unknownFuture = 1_000_000_000;

async function flushAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await flushAll(path);
    else await flush(path);
  }
  await flush(folder);
}

import { openEmbeddedStorage } from "#apiserver/storage/embedded/embedded-storage";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import type { Storage } from "#apiserver/storage/storage";
import { systemClock } from "#base/clock";
import type { Logger } from "#base/logger";
import { systemRandom } from "#base/random";
import { gatewayOf } from "../addresses.ts";
import { startControlPlane } from "../control-plane.ts";
import { openPki } from "../pki/pki.ts";
import { readConfig, type ClusterConfig, type ClusterPaths } from "../state/cluster-config.ts";

/** The process that holds API server, controllers and scheduler. Resolves when the signal has aborted and everything is closed. */
export async function runControlPlane(paths: ClusterPaths, log: Logger, signal: AbortSignal): Promise<void> {
  const config = await readConfig(paths);
  if (config === undefined) throw new Error(`there is no cluster in ${paths.root}`);
  const storage = await openStorage(config, paths, log);
  try {
    const pki = await openPki(paths.pki, systemClock, systemRandom);
    const addresses = ["127.0.0.1", ...(config.network === undefined ? [] : [gatewayOf(config.network.nodeRange)])];
    const listeners = addresses.map((address) => ({ address, port: config.port }));
    const plane = await startControlPlane({ storage, pki, listeners, clock: systemClock, random: systemRandom, log });
    log.info("the control plane is ready", { port: plane.port });
    const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    try {
      if (!signal.aborted) await Promise.race([stopped, plane.failed]);
    } finally {
      await plane.close();
    }
  } finally {
    await storage.close();
  }
}

async function openStorage(config: ClusterConfig, paths: ClusterPaths, log: Logger): Promise<Storage> {
  if (config.store === "memory") return new MemoryStorage({ clock: systemClock, log });
  return openEmbeddedStorage({ directory: paths.store, clock: systemClock, log });
}

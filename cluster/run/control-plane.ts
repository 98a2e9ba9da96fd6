import { EncryptionConfigurationError } from "#apiserver/storage/encryption/configuration";
import { systemClock } from "#base/clock";
import type { Logger } from "#base/logger";
import { systemRandom } from "#base/random";
import { startControlPlane } from "../control-plane.ts";
import { CommandFailure } from "../failure.ts";
import { openPki } from "../pki/pki.ts";
import { readConfig, type ClusterPaths } from "../state/cluster-config.ts";
import { readEncryptionFile } from "../store/encryption-file.ts";
import { openStore } from "../store/open-store.ts";
import { aborted } from "./aborted.ts";
import { enterClusterCgroup } from "./enter-cgroup.ts";

/**
 * The process that holds API server, controllers and scheduler. It listens on loopback and on `addresses`. Resolves when the signal
 * has aborted and everything is closed; rejects when a component ends by itself.
 */
export async function runControlPlane(
  paths: ClusterPaths,
  addresses: readonly string[],
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const config = await readConfig(paths);
  if (config === undefined) throw new Error(`there is no cluster in ${paths.root}`);
  if (config.nodes > 0) await enterClusterCgroup(paths, { clock: systemClock, log });
  const { encryptionProviderConfig: file } = config;
  const encryption = file === undefined ? {} : { encryption: await readEncryptionFile(file) };
  const { storage, checks, failed } = await openStore(config, paths, { clock: systemClock, random: systemRandom, log, signal });
  try {
    const pki = await openPki(paths.pki, systemClock, systemRandom);
    const listeners = ["127.0.0.1", ...addresses].map((address) => ({ address, port: config.port }));
    const shared = { clock: systemClock, random: systemRandom, log };
    const plane = await startControlPlane({ storage, ...encryption, checks, pki, listeners, ...shared }).catch(
      (error: unknown) => {
        if (error instanceof EncryptionConfigurationError)
          throw new CommandFailure(`${file ?? ""}: ${error.message}`, { cause: error });
        throw error;
      },
    );
    log.info("the control plane is ready", { port: plane.port });
    try {
      await Promise.race([aborted(signal), plane.failed, ...(failed === undefined ? [] : [failed])]);
    } finally {
      await plane.close();
    }
  } finally {
    await storage.close();
  }
}

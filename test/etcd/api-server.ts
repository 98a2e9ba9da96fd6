import { runApiServer } from "#apiserver/main";
import type { EtcdOptions } from "#apiserver/storage/etcd/etcd-options";
import { openEtcdStorage, type EtcdStorage } from "#apiserver/storage/etcd/etcd-storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { inProcessTransport } from "#client/in-process-transport";
import { createClient } from "#client/transport-client";
import { memoryPki } from "#cluster/pki/pki";

/** An API server on an etcd, one of several perhaps, and an administrator's way into it. */
export interface EtcdApiServer {
  readonly client: ApiClient;
  readonly storage: EtcdStorage;
  close(): Promise<void>;
}

export async function startApiServer(etcd: EtcdOptions): Promise<EtcdApiServer> {
  const shared = { clock: systemClock, random: systemRandom, log: silentLogger };
  const stop = new AbortController();
  const storage = await openEtcdStorage({ etcd, ...shared });
  const pki = await memoryPki(systemClock, systemRandom);
  const serviceAccountKey = await pki.signingKey("sa");
  const server = await runApiServer({ ...shared, storage, serviceAccountKey, checks: [], signal: stop.signal });
  const transport = inProcessTransport({ handle: server.handle, user: "admin", groups: ["system:masters"] });
  return {
    client: createClient(transport),
    storage,
    close: async () => {
      await server.close();
      stop.abort();
      await storage.close();
    },
  };
}

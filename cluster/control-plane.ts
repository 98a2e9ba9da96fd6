import { runApiServer, type RunningApiServer } from "#apiserver/main";
import type { Storage } from "#apiserver/storage/storage";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { inProcessTransport } from "#client/in-process-transport";
import { createClient } from "#client/transport-client";
import { runControllerManager } from "#controller-manager/main";
import { runScheduler } from "#scheduler/main";
import { ensureNamespaces } from "./bootstrap-namespaces.ts";
import type { Pki } from "./pki/pki.ts";

export interface ControlPlaneOptions {
  readonly storage: Storage;
  readonly pki: Pki;
  /** Absent: no sockets. Port 0 takes a free one. */
  readonly listeners?: readonly { readonly address: string; readonly port: number }[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ControlPlane {
  /** 0 without sockets. */
  readonly port: number;
  /** As that user, past the same gates as over HTTP. */
  clientFor(user: string, groups?: readonly string[]): ApiClient;
  /** Rejects with what brought a component down; never resolves while all is well. */
  readonly failed: Promise<never>;
  /** Stops controllers and scheduler, then the sockets. The storage is the caller's to close, after this. */
  close(): Promise<void>;
}

/** API server, controllers and scheduler in this process. Resolves when the API is ready; the controllers are under way then. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { storage, pki, listeners, clock, random, log } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const ready = { namespaces: false };
  const checks = [
    { name: "poststarthook/start-system-namespaces-controller", check: () => (ready.namespaces ? undefined : "not made yet") },
  ];
  const serve = listeners === undefined ? {} : await serving(pki, listeners);
  const apiServer: RunningApiServer = await runApiServer({
    storage,
    ...serve,
    checks,
    clock,
    random,
    log: log.child({ component: "apiserver" }),
    signal,
  });
  const clientFor = (user: string, groups: readonly string[] = []): ApiClient =>
    createClient(inProcessTransport({ handle: apiServer.handle, user, groups, userAgent: user.replace("system:", "") }));
  try {
    await ensureNamespaces(clientFor("system:apiserver", ["system:masters"]));
  } catch (error) {
    stop.abort();
    await apiServer.close();
    throw error;
  }
  ready.namespaces = true;
  const controllers = runControllerManager({
    client: clientFor("system:kube-controller-manager"),
    rootCa: pki.ca,
    clock,
    random,
    log: log.child({ component: "controller-manager" }),
    signal,
  });
  const scheduler = runScheduler({
    client: clientFor("system:kube-scheduler"),
    clock,
    random,
    log: log.child({ component: "scheduler" }),
    signal,
  });
  const failed = Promise.all([controllers, scheduler]).then(() => new Promise<never>(() => undefined));
  failed.catch((error: unknown) => log.error("a component of the control plane ended", { error }));
  return {
    port: apiServer.port,
    clientFor,
    failed,
    close: async () => {
      stop.abort();
      await Promise.allSettled([controllers, scheduler]);
      await apiServer.close();
    },
  };
}

async function serving(pki: Pki, listeners: readonly { address: string; port: number }[]) {
  const addresses = listeners.map(({ address }) => address);
  const own = await pki.pair("apiserver", {
    commonName: "kube-apiserver",
    use: "server",
    dnsNames: ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"],
    ipAddresses: [...new Set(["127.0.0.1", "::1", ...addresses])],
  });
  const toNodes = await pki.pair("apiserver-kubelet-client", {
    commonName: "kube-apiserver-kubelet-client",
    organizations: ["system:masters"],
    use: "client",
  });
  return {
    serve: {
      tls: { ...own, clientCa: pki.ca },
      listeners,
      advertise: `${addresses[0] ?? "127.0.0.1"}:${listeners[0]?.port ?? 0}`,
    },
    nodeTls: { ...toNodes, ca: pki.ca },
  };
}

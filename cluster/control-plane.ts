import type { HealthCheck } from "#apiserver/http/health";
import { runApiServer, type RunningApiServer } from "#apiserver/main";
import type { EncryptionConfiguration } from "#apiserver/storage/encryption/configuration";
import type { Storage } from "#apiserver/storage/storage";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { inProcessTransport } from "#client/in-process-transport";
import { createClient } from "#client/transport-client";
import { runControllerManager } from "#controller-manager/main";
import { runScheduler } from "#scheduler/main";
import { Bootstrap } from "./bootstrap/bootstrap.ts";
import { firstAddress } from "./bootstrap/service-range.ts";
import type { Pki } from "./pki/pki.ts";

export interface ControlPlaneOptions {
  readonly storage: Storage;
  /** Which kinds are encrypted in it, and how. Absent: none is. */
  readonly encryption?: EncryptionConfiguration;
  /** What else the storage wants to be well before the API server is. */
  readonly checks?: readonly HealthCheck[];
  readonly pki: Pki;
  /** Absent: no sockets. Port 0 takes a free one. */
  readonly listeners?: readonly { readonly address: string; readonly port: number }[];
  /** CIDR of the addresses that Services get. */
  readonly serviceRange?: string;
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

const defaultServiceRange = "10.96.0.0/12";

/** API server, controllers and scheduler in this process. Resolves when the API is ready; the controllers are under way then. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { storage, encryption, pki, listeners, serviceRange = defaultServiceRange, clock, random, log } = options;
  const stop = new AbortController();
  const { signal } = stop;
  /** The server outlives those who use it, and finishes what it has begun. */
  const stopServing = new AbortController();
  const bootstrap = new Bootstrap();
  const checks = [...(options.checks ?? []), ...bootstrap.checks];
  const clusterIp = firstAddress(serviceRange);
  const serve = listeners === undefined ? {} : await serving(pki, listeners, clusterIp);
  const apiServer: RunningApiServer = await runApiServer({
    storage,
    ...(encryption && { encryption }),
    serviceAccountKey: await pki.signingKey("sa"),
    ...serve,
    checks,
    clock,
    random,
    log: log.child({ component: "apiserver" }),
    signal: stopServing.signal,
  });
  const closeServer = async (): Promise<void> => {
    await apiServer.close();
    stopServing.abort();
  };
  const clientFor = (user: string, groups: readonly string[] = []): ApiClient =>
    createClient(inProcessTransport({ handle: apiServer.handle, user, groups, userAgent: user.replace("system:", "") }));
  const reachable = reachableAddress(listeners ?? []);
  const bootstrapping = {
    client: clientFor("system:apiserver", ["system:masters"]),
    clientCa: pki.ca,
    address: { ...(reachable !== undefined && { address: reachable }), port: apiServer.port || defaultPort, clusterIp },
    clock,
    random,
    log: log.child({ component: "apiserver" }),
  };
  try {
    await bootstrap.ensure(bootstrapping);
  } catch (error) {
    stop.abort();
    await closeServer();
    throw error;
  }
  const keeping = bootstrap.keep(bootstrapping, signal);
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
  const failed = Promise.all([controllers, scheduler, keeping]).then(() => new Promise<never>(() => undefined));
  failed.catch((error: unknown) => log.error("a component of the control plane ended", { error }));
  return {
    port: apiServer.port,
    clientFor,
    failed,
    close: async () => {
      stop.abort();
      await Promise.allSettled([controllers, scheduler, keeping]);
      await closeServer();
    },
  };
}

/** Of an API server without sockets, which has none. */
const defaultPort = 6443;

type Listeners = readonly { readonly address: string; readonly port: number }[];

/** One at which others than this machine find the server. */
function reachableAddress(listeners: Listeners): string | undefined {
  return listeners.find(({ address }) => !address.startsWith("127.") && address !== "::1")?.address;
}

async function serving(pki: Pki, listeners: Listeners, clusterIp: string) {
  const reachable = reachableAddress(listeners);
  const addresses = listeners.map(({ address }) => address);
  const own = await pki.pair("apiserver", {
    commonName: "kube-apiserver",
    use: "server",
    dnsNames: ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"],
    ipAddresses: [...new Set(["127.0.0.1", "::1", clusterIp, ...addresses])],
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
      advertise: `${reachable ?? addresses[0] ?? "127.0.0.1"}:${listeners[0]?.port ?? 0}`,
    },
    nodeTls: { ...toNodes, ca: pki.ca },
  };
}

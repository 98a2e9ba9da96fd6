import { builtInDefinitions } from "#api/kinds/built-in";
import type { Handle } from "#api/request";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import { ApiServer } from "./api-server.ts";
import { tokenKeys } from "./authn/token-keys.ts";
import { discoveryOf } from "./discovery/discovery.ts";
import { openApiV2 } from "./discovery/open-api-v2.ts";
import { openApiOf } from "./discovery/open-api.ts";
import { openIdDocuments } from "./discovery/open-id.ts";
import { storageForKinds } from "./encrypted-kinds.ts";
import { ApiDispatcher } from "./http/api-dispatcher.ts";
import { expressApp, type VersionInfo } from "./http/express-app.ts";
import type { HealthCheck } from "./http/health.ts";
import { defaultInFlightLimits, InFlight, type InFlightLimits } from "./http/in-flight.ts";
import { ApiMetrics } from "./http/metrics.ts";
import { serveHttps, type Listener, type TlsOptions } from "./http/https-server.ts";
import { nodeConnection, noNodes } from "./http/node-connection.ts";
import { sendSnapshot } from "./http/snapshot.ts";
import type { EncryptionConfiguration } from "./storage/encryption/configuration.ts";
import type { Storage } from "./storage/storage.ts";

/** The API level, and the version that clients are told. */
const serverVersion: VersionInfo = {
  major: "1",
  minor: "36",
  gitVersion: "v1.36.0+skiff",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "node",
  platform: `linux/${process.arch === "x64" ? "amd64" : process.arch}`,
};

/** Whose tokens they are, as upstream's clusters are set up; also whom they are meant for. */
const serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local";

export interface RunApiServerOptions {
  readonly storage: Storage;
  /** Which kinds are encrypted in the storage, and how. Absent: none is. */
  readonly encryption?: EncryptionConfiguration;
  /** PEM, in PKCS #8: signs the tokens of service accounts. */
  readonly serviceAccountKey: string;
  /** Absent: no sockets, for use inside a process alone. */
  readonly serve?: { readonly tls: TlsOptions; readonly listeners: readonly Listener[]; readonly advertise: string };
  readonly nodeTls?: { readonly cert: string; readonly key: string; readonly ca: string };
  /** How many requests may be in flight at a time; absent: upstream's numbers. */
  readonly inFlight?: InFlightLimits;
  /** What else must be well before `/readyz` says so, e.g. that the objects every cluster has are there. */
  readonly checks: readonly HealthCheck[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface RunningApiServer {
  readonly handle: Handle;
  /** 0 without sockets. */
  readonly port: number;
  /** Takes nothing new, ends watches, lets the rest finish, and then ends the sockets. The storage is the caller's to close, after this. */
  close(): Promise<void>;
}

/** Resolves when it serves. @throws the socket's error when a listener cannot be bound. */
export async function runApiServer(options: RunApiServerOptions): Promise<RunningApiServer> {
  const { storage, encryption, serviceAccountKey, serve, nodeTls, checks, clock, random, log, signal } = options;
  const keys = tokenKeys(serviceAccountKey);
  const nodes = nodeTls === undefined ? noNodes : nodeConnection(nodeTls);
  const server = new ApiServer({
    definitions: builtInDefinitions,
    storage: storageForKinds(
      storage,
      builtInDefinitions.map(({ type }) => type),
      encryption,
      random,
    ),
    tokens: [],
    serviceAccounts: { keys, issuer: serviceAccountIssuer },
    nodes,
    clock,
    random,
    log,
  });
  const { definitions } = server;
  await server.start(signal);
  if (serve === undefined) return { handle: server.handle, port: 0, close: async () => undefined };
  const stores = server.registry.stores();
  const caches = stores.map((store) => store.cache);
  const cacheCheck: HealthCheck = {
    name: "informer-sync",
    readinessOnly: true,
    check: () => {
      // Anybody may ask: no more than the kind is said.
      const unreadable = stores.find(({ cache }) => cache.failure !== undefined)?.definition.type.resource;
      if (unreadable !== undefined) return `not all ${unreadable} that are stored can be read`;
      return caches.every(({ ready }) => ready) ? undefined : "a watch cache is not filled yet";
    },
  };
  const inFlight = new InFlight(options.inFlight ?? defaultInFlightLimits);
  const metrics = new ApiMetrics({ version: serverVersion, inFlight, stores: () => stores });
  const dispatcher = new ApiDispatcher({ server, inFlight, metrics, clock });
  const app = expressApp({
    server,
    discovery: discoveryOf(definitions, serve.advertise),
    openApiV2: once(() => openApiV2(definitions, serverVersion.gitVersion)),
    openApi: openApiOf(definitions, serverVersion.gitVersion),
    openId: openIdDocuments(keys, serviceAccountIssuer, `https://${serve.advertise}`),
    version: serverVersion,
    metrics,
    sendSnapshot: (response) => sendSnapshot(response, { storage, clock, log }),
    checks: [{ name: "ping", check: () => undefined }, cacheCheck, ...checks, shutdownCheck(dispatcher)],
  });
  const sockets = await serveHttps({
    dispatcher,
    app,
    tls: serve.tls,
    listeners: serve.listeners,
    clock,
    random,
  });
  return { handle: server.handle, port: sockets.port, close: () => sockets.close() };
}

/** The first thing that load balancers see of a server that goes. */
function shutdownCheck(dispatcher: ApiDispatcher): HealthCheck {
  return {
    name: "shutdown",
    readinessOnly: true,
    check: () => (dispatcher.draining ? "process is shutting down" : undefined),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

import https from "node:https";
import type { KubeObject } from "#api/object";
import type { ApiResponse, Credentials, Handle } from "#api/request";
import { serviceAccounts } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { InFlightLimits } from "#apiserver/http/in-flight";
import { parseResourcePath, verbOf } from "#apiserver/http/request-path";
import { type RunningApiServer, runApiServer } from "#apiserver/main";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import type { EncryptionConfiguration } from "#apiserver/storage/encryption/configuration";
import type { Storage } from "#apiserver/storage/storage";
import { systemClock, type Clock } from "#base/clock";
import { silentLogger, type Logger } from "#base/logger";
import { systemRandom } from "#base/random";
import { ensureNamespaces, ensurePriorityClasses } from "#cluster/bootstrap/system-objects";
import { memoryPki, type Pki } from "#cluster/pki/pki";
import { inProcessTransport } from "#client/in-process-transport";
import { createClient } from "#client/transport-client";
import { admin, replyOf, watching, type ApiUnderTest, type Call, type Identity, type WatchEvent } from "./api-under-test.ts";
import { overHttps } from "./over-https.ts";

export interface ServerOptions {
  readonly clock?: Clock;
  readonly inFlight?: InFlightLimits;
  readonly log?: Logger;
  /** Absent: a new one in memory. It is closed with the server. */
  readonly storage?: Storage;
  readonly encryption?: EncryptionConfiguration;
}

async function run(
  { clock = systemClock, inFlight, encryption, log = silentLogger, storage = new MemoryStorage({ clock, log }) }: ServerOptions,
  serve: boolean,
): Promise<{ server: RunningApiServer; pki: Pki; close: () => Promise<void> }> {
  const stop = new AbortController();
  const pki = await memoryPki(systemClock, systemRandom);
  const tls = await pki.pair("apiserver", { commonName: "kube-apiserver", use: "server", ipAddresses: ["127.0.0.1"] });
  const shared = { clock, random: systemRandom, log };
  const server = await runApiServer({
    ...shared,
    storage,
    serviceAccountKey: await pki.signingKey("sa"),
    checks: [],
    signal: stop.signal,
    ...(inFlight && { inFlight }),
    ...(encryption && { encryption }),
    ...(serve && {
      serve: {
        tls: { ...tls, clientCa: pki.ca },
        listeners: [{ address: "127.0.0.1", port: 0 }],
        advertise: "127.0.0.1:0",
      },
    }),
  });
  const transport = inProcessTransport({ handle: server.handle, user: "bootstrap", groups: ["system:masters"] });
  const client = createClient(transport);
  await Promise.all([ensureNamespaces(client), ensurePriorityClasses(client)]);
  // No controller runs that would make it, and without it there can be no pods.
  const account = { metadata: { namespace: "default", name: "default" } };
  await client.create(serviceAccounts, account).catch((error: unknown) => {
    if (!hasReason(error, "AlreadyExists")) throw error;
  });
  const close = async (): Promise<void> => {
    await server.close();
    stop.abort();
    await storage.close();
  };
  return { server, pki, close };
}

export async function startHttps(options: ServerOptions = {}): Promise<ApiUnderTest> {
  const { server, pki, close } = await run(options, true);
  const other = await memoryPki(systemClock, systemRandom);
  const connection = overHttps({
    host: "127.0.0.1",
    port: server.port,
    connect: async ({ user, groups = [], foreign }: Identity) => {
      if (user === undefined) return { agent: new https.Agent({ ca: pki.ca, keepAlive: true }) };
      const pair = await (foreign === true ? other : pki).pair(user, { commonName: user, organizations: groups, use: "client" });
      return { agent: new https.Agent({ ca: pki.ca, ...pair, keepAlive: true }) };
    },
  });
  return {
    isHttp: true,
    request: connection.request,
    watch: connection.watch,
    http: {
      raw: connection.raw,
      webSocket: async () => {
        const { cert, key } = await pki.pair("admin", { commonName: "admin", organizations: ["system:masters"], use: "client" });
        return { url: `wss://127.0.0.1:${server.port}`, options: { ca: pki.ca, cert, key } };
      },
      stop: () => server.close(),
    },
    close: async () => {
      await close();
      await connection.end();
    },
  };
}

export async function startInProcess(options: ServerOptions = {}): Promise<ApiUnderTest> {
  const { server, close } = await run(options, false);
  const ask = (method: string, path: string, call: Call, signal: AbortSignal): Promise<ApiResponse> =>
    callHandle(server.handle, method, path, call, signal);
  return {
    isHttp: false,
    request: async (method, path, call = {}) => {
      const answer = await ask(method, path, call, new AbortController().signal);
      const { status, warnings, headers = {} } = answer;
      if (answer.kind === "object") {
        const text = Buffer.from(answer.bytes()).toString();
        return { ...replyOf(status, headers, warnings, text), body: answer.object };
      }
      if (answer.kind !== "list") throw new Error(`a ${answer.kind} where an object was expected`);
      return {
        ...replyOf(status, headers, warnings, Buffer.concat([...answer.chunks()]).toString()),
        body: await answer.object(),
      };
    },
    watch: async (path, call = {}) => {
      const stopped = new AbortController();
      const answer = await ask("GET", path, call, stopped.signal);
      if (answer.kind === "object") return watching(once({ type: "ERROR", object: answer.object }), () => undefined);
      if (answer.kind !== "watch") throw new Error(`a ${answer.kind} where a watch was expected`);
      return watching(eventsOf(answer.events), () => stopped.abort());
    },
    close,
  };
}

function callHandle(handle: Handle, method: string, path: string, call: Call, signal: AbortSignal): Promise<ApiResponse> {
  const url = new URL(path, "http://local");
  const target = parseResourcePath(url.pathname);
  if (target === undefined) throw new Error(`${path} is not a resource's path`);
  const { as = admin, body } = call;
  return handle({
    verb: verbOf(method, target, url.searchParams),
    ...target,
    query: url.searchParams,
    contentType: body === undefined ? "" : (call.contentType ?? "application/json"),
    accept: call.accept ?? "application/json",
    ...(body !== undefined && { body: inProcessBody(body) }),
    credentials: credentialsOf(as),
    ...(call.impersonate && { impersonate: { user: "", uid: "", groups: [], extra: {}, ...call.impersonate } }),
    userAgent: "test",
    signal,
  });
}

function inProcessBody(body: object | string | Uint8Array): object | Uint8Array {
  if (body instanceof Uint8Array) return body;
  return typeof body === "string" ? Buffer.from(body) : deepFrozen(body);
}

function credentialsOf({ user, groups = [], token, foreign }: Identity): Credentials {
  if (foreign === true) return { kind: "rejected" };
  if (token !== undefined) return { kind: "bearer", token };
  return user === undefined ? { kind: "anonymous" } : { kind: "inProcess", user, groups };
}

async function* once(event: WatchEvent): AsyncGenerator<WatchEvent> {
  yield event;
}

async function* eventsOf(
  batches: AsyncIterable<readonly { type: string; object: KubeObject; bytes(): Uint8Array }[]>,
): AsyncGenerator<WatchEvent> {
  for await (const batch of batches) {
    for (const event of batch) {
      // What is shared in memory must say what is sent over the wire.
      const sent = JSON.parse(Buffer.from(event.bytes()).toString()) as WatchEvent;
      if (JSON.stringify(sent.object) !== JSON.stringify(event.object)) throw new Error("bytes and object differ");
      yield sent;
    }
  }
}

function deepFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const child of Object.values(value)) deepFrozen(child as unknown);
  return Object.freeze(value);
}

import https from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import type { KubeObject } from "#api/object";
import type { ApiResponse, Credentials, Handle, Impersonation } from "#api/request";
import { serviceAccounts } from "#api/resource-type";
import { parseResourcePath, verbOf } from "#apiserver/http/request-path";
import type { InFlightLimits } from "#apiserver/http/in-flight";
import { type RunningApiServer, runApiServer } from "#apiserver/main";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import type { Clock } from "#base/clock";
import { systemClock } from "#base/clock";
import { silentLogger, type Logger } from "#base/logger";
import { systemRandom } from "#base/random";
import { ensureNamespaces, ensurePriorityClasses } from "#cluster/bootstrap/system-objects";
import { memoryPki, type Pki } from "#cluster/pki/pki";
import { inProcessTransport } from "#client/in-process-transport";
import { createClient } from "#client/transport-client";

/** Who asks. A certificate is made for `user`; `token` and `foreign` are bad credentials on purpose. */
export interface Identity {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly token?: string;
  /** A certificate of another authority. */
  readonly foreign?: boolean;
}

export interface Call {
  readonly as?: Identity;
  readonly body?: object | string | Uint8Array;
  readonly contentType?: string;
  readonly accept?: string;
  readonly impersonate?: Partial<Impersonation>;
  /** Only for HTTP. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly warnings: readonly string[];
  readonly text: string;
  /** The body as JSON; loosely typed, because tests look at it from outside. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

export interface WatchEvent {
  readonly type: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly object: any;
}

export interface Watching {
  /** The next event, in order; undefined when the server has ended the stream. Rejects after five seconds of silence. */
  next(): Promise<WatchEvent | undefined>;
  stop(): void;
}

/** One API server on the memory store, spoken to by method and path whichever way it is reached. */
export interface ApiUnderTest {
  readonly isHttp: boolean;
  request(method: string, path: string, call?: Call): Promise<Reply>;
  watch(path: string, call?: Pick<Call, "as" | "accept">): Promise<Watching>;
  close(): Promise<void>;
  /** For what only HTTP has. */
  readonly http?: {
    /** The body as it is on the wire. */
    raw(method: string, path: string, call?: Call): Promise<{ status: number; headers: IncomingHttpHeaders; bytes: Buffer }>;
    /** What a WebSocket client must know to be the administrator. */
    readonly webSocket: () => Promise<{ readonly url: string; readonly options: https.AgentOptions }>;
    /** The server begins to end, as on SIGTERM. */
    stop(): Promise<void>;
  };
}

export const admin: Identity = { user: "admin", groups: ["system:masters"] };
export const scheduler: Identity = { user: "system:kube-scheduler" };
export const controllerManager: Identity = { user: "system:kube-controller-manager" };
export function agentOf(node: string): Identity {
  return { user: `system:node:${node}`, groups: ["system:nodes"] };
}

export interface ServerOptions {
  readonly clock?: Clock;
  readonly inFlight?: InFlightLimits;
  readonly log?: Logger;
}

/** Both ways to reach an API server: what a test says of one holds for the other. */
export const waysIn: readonly [name: string, start: (options?: ServerOptions) => Promise<ApiUnderTest>][] = [
  ["over HTTPS", startHttps],
  ["in the same process", startInProcess],
];

async function run(
  { clock = systemClock, inFlight, log = silentLogger }: ServerOptions,
  serve: boolean,
): Promise<{ server: RunningApiServer; pki: Pki; stop: AbortController }> {
  const stop = new AbortController();
  const pki = await memoryPki(systemClock, systemRandom);
  const tls = await pki.pair("apiserver", { commonName: "kube-apiserver", use: "server", ipAddresses: ["127.0.0.1"] });
  const shared = { clock, random: systemRandom, log };
  const server = await runApiServer({
    ...shared,
    storage: new MemoryStorage(shared),
    serviceAccountKey: await pki.signingKey("sa"),
    checks: [],
    signal: stop.signal,
    ...(inFlight && { inFlight }),
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
  await client.create(serviceAccounts, { metadata: { namespace: "default", name: "default" } });
  return { server, pki, stop };
}

export async function startHttps(options: ServerOptions = {}): Promise<ApiUnderTest> {
  const { server, pki, stop } = await run(options, true);
  const other = await memoryPki(systemClock, systemRandom);
  const agents = new Map<string, Promise<https.Agent>>();
  const agentFor = (identity: Identity): Promise<https.Agent> => {
    const id = JSON.stringify(identity);
    const made = agents.get(id) ?? makeAgent(identity);
    agents.set(id, made);
    return made;
  };
  const makeAgent = async ({ user, groups = [], foreign }: Identity): Promise<https.Agent> => {
    if (user === undefined) return new https.Agent({ ca: pki.ca, keepAlive: true });
    const { cert, key } = await (foreign === true ? other : pki).pair(user, {
      commonName: user,
      organizations: groups,
      use: "client",
    });
    return new https.Agent({ ca: pki.ca, cert, key, keepAlive: true });
  };
  const send = async (method: string, path: string, call: Call): Promise<import("node:http").IncomingMessage> => {
    const { as = admin, body, accept } = call;
    const agent = await agentFor(as);
    const bytes = body === undefined ? undefined : bytesOf(body);
    return new Promise((resolve, reject) => {
      const request = https.request(
        {
          host: "127.0.0.1",
          port: server.port,
          agent,
          method,
          path,
          headers: {
            accept: accept ?? "application/json",
            ...(bytes !== undefined && {
              "content-type": call.contentType ?? "application/json",
              "content-length": Buffer.byteLength(bytes),
            }),
            ...(as.token !== undefined && { authorization: `Bearer ${as.token}` }),
            ...headersOf(call.impersonate),
            ...call.headers,
          },
        },
        resolve,
      );
      request.on("error", reject);
      request.end(bytes);
    });
  };
  return {
    isHttp: true,
    http: {
      raw: async (method, path, call = {}) => {
        const response = await send(method, path, call);
        return { status: response.statusCode ?? 0, headers: response.headers, bytes: await read(response) };
      },
      webSocket: async () => {
        const { cert, key } = await pki.pair("admin", { commonName: "admin", organizations: ["system:masters"], use: "client" });
        return { url: `wss://127.0.0.1:${server.port}`, options: { ca: pki.ca, cert, key } };
      },
      stop: () => server.close(),
    },
    request: async (method, path, call = {}) => {
      const response = await send(method, path, call);
      const bytes = await read(response);
      const header = response.headers.warning ?? "";
      const warnings = [...header.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text.replace(/\\(.)/g, "$1"));
      return replyOf(response.statusCode ?? 0, response.headers, warnings, bytes.toString());
    },
    watch: async (path, call = {}) => {
      const response = await send("GET", path, call);
      const events = linesOf(response);
      return watching(events, () => response.destroy());
    },
    close: async () => {
      stop.abort();
      await server.close();
      for (const agent of agents.values()) (await agent).destroy();
    },
  };
}

function headersOf({ user, uid, groups, extra = {} }: Partial<Impersonation> = {}): Record<string, string | readonly string[]> {
  return {
    ...(user !== undefined && { "Impersonate-User": user }),
    ...(uid !== undefined && { "Impersonate-Uid": uid }),
    ...(groups !== undefined && { "Impersonate-Group": groups }),
    ...Object.fromEntries(Object.entries(extra).map(([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, values])),
  };
}

function bytesOf(body: object | string | Uint8Array): string | Uint8Array {
  return typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
}

async function read(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function* linesOf(stream: AsyncIterable<unknown>): AsyncGenerator<WatchEvent> {
  let rest = "";
  for await (const chunk of stream) {
    rest += String(chunk);
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as WatchEvent;
  }
}

async function startInProcess(options: ServerOptions = {}): Promise<ApiUnderTest> {
  const { server, stop } = await run(options, false);
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
      return { ...replyOf(status, headers, warnings, Buffer.concat([...answer.chunks()]).toString()), body: answer.object() };
    },
    watch: async (path, call = {}) => {
      const stopped = new AbortController();
      const answer = await ask("GET", path, call, stopped.signal);
      if (answer.kind === "object") return watching(once({ type: "ERROR", object: answer.object }), () => undefined);
      if (answer.kind !== "watch") throw new Error(`a ${answer.kind} where a watch was expected`);
      return watching(eventsOf(answer.events), () => stopped.abort());
    },
    close: async () => {
      stop.abort();
      await server.close();
    },
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

function watching(events: AsyncGenerator<WatchEvent>, stop: () => void): Watching {
  return {
    next: async () => {
      const silence = new AbortController();
      const tooLong = systemClock.sleep(5_000, silence.signal).then(() => {
        throw new Error("five seconds without an event");
      });
      tooLong.catch(() => undefined);
      try {
        const result = await Promise.race([events.next(), tooLong]);
        return result.done === true ? undefined : result.value;
      } finally {
        silence.abort();
      }
    },
    stop: () => {
      stop();
      events.return(undefined).catch(() => undefined);
    },
  };
}

function replyOf(status: number, headers: IncomingHttpHeaders, warnings: readonly string[], text: string): Reply {
  const isJson = text.startsWith("{");
  return { status, headers, warnings, text, body: isJson ? (JSON.parse(text) as unknown) : undefined };
}

function deepFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const child of Object.values(value)) deepFrozen(child as unknown);
  return Object.freeze(value);
}

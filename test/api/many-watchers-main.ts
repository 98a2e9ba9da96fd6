import https from "node:https";
import type { IncomingMessage } from "node:http";
import { runApiServer } from "#apiserver/main";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import type { ApiRequest, ApiResponse, Verb } from "#api/request";
import { systemClock, type Clock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { memoryPki } from "#cluster/pki/pki";

/**
 * Opens and closes many watchers, round after round, in a process of its own whose memory nobody else uses (`--expose-gc`). Says for
 * each round what is left: the bytes of the heap and outside of it, timers, sockets, and the sleeps of the server's clock.
 */
export interface Left {
  readonly heap: number;
  readonly outside: number;
  readonly timers: number;
  readonly sockets: number;
  readonly sleeps: number;
  /** Of the last round, in all. */
  readonly events: number;
}

const [inProcess = 0, overTls = 0, rounds = 0] = process.argv.slice(2).map(Number);
const gc = (globalThis as { gc?: () => void }).gc ?? (() => undefined);

/** The system's, and how many wait on it. */
let sleeps = 0;
const clock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => {
    sleeps++;
    return systemClock.sleep(ms, signal).finally(() => sleeps--);
  },
};

const shared = { clock, random: systemRandom, log: silentLogger };
const storage = new MemoryStorage(shared);
const pki = await memoryPki(systemClock, systemRandom);
const tls = await pki.pair("server", { commonName: "kube-apiserver", use: "server", ipAddresses: ["127.0.0.1"] });
const client = await pki.pair("admin", { commonName: "admin", organizations: ["system:masters"], use: "client" });
const stop = new AbortController();
const server = await runApiServer({
  ...shared,
  storage,
  serviceAccountKey: await pki.signingKey("sa"),
  serve: {
    tls: { ...tls, clientCa: pki.ca },
    listeners: [{ address: "127.0.0.1", port: 0 }],
    advertise: "127.0.0.1:0",
  },
  checks: [],
  signal: stop.signal,
});

const never = new AbortController().signal;

function ask(verb: Verb, resource: string, rest: Partial<ApiRequest> = {}): Promise<ApiResponse> {
  return server.handle({
    verb,
    group: "",
    version: "v1",
    resource,
    query: new URLSearchParams(),
    contentType: "application/json",
    accept: "application/json",
    credentials: { kind: "inProcess", user: "admin", groups: ["system:masters"] },
    userAgent: "",
    signal: never,
    ...rest,
  });
}

let writes = 0;
const body = (): object => ({ metadata: { name: "c" }, data: { text: `${++writes}`.padEnd(1_000) } });

async function version(): Promise<string> {
  const answer = await ask("get", "configmaps", { namespace: "default", name: "c" });
  if (answer.kind !== "object") throw new Error("there is no object to watch");
  return String(answer.object.metadata.resourceVersion);
}

/** Leaves after its first event. */
async function watchInProcess(query: string, opened: () => void): Promise<number> {
  const left = new AbortController();
  const answer = await ask("watch", "configmaps", {
    namespace: "default",
    query: new URLSearchParams(query),
    signal: left.signal,
  });
  if (answer.kind !== "watch") throw new Error(`watching was answered with ${answer.status}`);
  const events = answer.events[Symbol.asyncIterator]();
  const first = events.next();
  opened();
  const next = await first;
  left.abort();
  await events.return?.();
  return next.done === true ? 0 : next.value.length;
}

async function watchOverTls(agent: https.Agent, query: string, opened: () => void): Promise<number> {
  const url = { host: "127.0.0.1", port: server.port, path: `/api/v1/namespaces/default/configmaps?${query}` };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    https.get({ ...url, agent }, resolve).on("error", reject);
  });
  opened();
  for await (const chunk of response) if (String(chunk).endsWith("\n")) break;
  return 1;
}

/** @returns how many events were told. */
async function round(): Promise<number> {
  const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${await version()}`;
  const agent = new https.Agent({ ca: pki.ca, ...client });
  let closed = inProcess + overTls;
  let allOpen: () => void = () => undefined;
  const opening = new Promise<void>((resolve) => (allOpen = resolve));
  const opened = (): void => {
    if (--closed === 0) allOpen();
  };
  const watching = [
    ...Array.from({ length: inProcess }, () => watchInProcess(query, opened)),
    ...Array.from({ length: overTls }, () => watchOverTls(agent, query, opened)),
  ];
  await opening;
  await ask("update", "configmaps", { namespace: "default", name: "c", body: body() });
  const told = await Promise.all(watching);
  agent.destroy();
  return told.reduce((sum, events) => sum + events, 0);
}

async function left(events: number): Promise<Left> {
  // What was given up is seen to be gone a little later, and its memory only then.
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  const resources = process.getActiveResourcesInfo();
  return {
    heap: heapUsed,
    outside: external,
    timers: resources.filter((name) => name === "Timeout").length,
    sockets: resources.filter((name) => name.startsWith("TCPSocket") || name.startsWith("TLS")).length,
    sleeps,
    events,
  };
}

await ask("create", "namespaces", { body: { metadata: { name: "default" } } });
await ask("create", "configmaps", { namespace: "default", body: body() });
for (let turn = 0; turn < rounds; turn++) process.stdout.write(`${JSON.stringify(await left(await round()))}\n`);
process.exit();

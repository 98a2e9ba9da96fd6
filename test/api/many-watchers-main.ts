import https from "node:https";
import type { IncomingMessage } from "node:http";
import { ask, client, pki, server, settledMemory, sleeps } from "./measured-server.ts";

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

const sockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name.startsWith("TCPSocket") || name.startsWith("TLS")).length;

/** @returns how many events were told. */
async function round(): Promise<number> {
  const before = sockets();
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
  // The other ends close in their own time.
  for (let turn = 0; turn < 300 && sockets() > before; turn++) await new Promise((resolve) => setTimeout(resolve, 100));
  return told.reduce((sum, events) => sum + events, 0);
}

async function left(events: number): Promise<Left> {
  const memory = await settledMemory();
  const resources = process.getActiveResourcesInfo();
  return {
    ...memory,
    timers: resources.filter((name) => name === "Timeout").length,
    sockets: sockets(),
    sleeps,
    events,
  };
}

await ask("create", "namespaces", { body: { metadata: { name: "default" } } });
await ask("create", "configmaps", { namespace: "default", body: body() });
for (let turn = 0; turn < rounds; turn++) process.stdout.write(`${JSON.stringify(await left(await round()))}\n`);
process.exit();

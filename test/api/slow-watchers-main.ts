import { once } from "node:events";
import tls from "node:tls";
import { ask, client, pki, server, settledMemory } from "./measured-server.ts";

/**
 * Watchers that never read, and one that does, of an object that is large and changes often. Says how much the process has grown while
 * all of them are still there, and how long the one that reads had to wait for each change.
 */
export interface Grown {
  readonly grown: number;
  /** How many of those that never read are still connected. */
  readonly open: number;
  readonly told: number;
  readonly longestMs: number;
}

const [watchers = 0, writes = 0, size = 0] = process.argv.slice(2).map(Number);
const namespace = "default";
const body = (turn: number): object => ({ metadata: { name: "c" }, data: { text: `${turn}`.padEnd(size, "x") } });

/** Past Node.js's own reading ahead. */
async function openAndNeverRead(): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: "127.0.0.1", port: server.port, ca: pki.ca, ...client });
  await once(socket, "secureConnect");
  socket.pause();
  socket.write("GET /api/v1/namespaces/default/configmaps?watch=true HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
  return socket;
}

await ask("create", "namespaces", { body: { metadata: { name: namespace } } });
await ask("create", "configmaps", { namespace, body: body(0) });
const slow = await Promise.all(Array.from({ length: watchers }, openAndNeverRead));
const stop = new AbortController();
const answer = await ask("watch", "configmaps", {
  namespace,
  query: new URLSearchParams("watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"),
  signal: stop.signal,
});
if (answer.kind !== "watch") throw new Error(`watching was answered with ${answer.status}`);
const events = answer.events[Symbol.asyncIterator]();
const before = await settledMemory();
let told = 0;
let longestMs = 0;
for (let turn = 1; turn <= writes; turn++) {
  const pending = events.next();
  const began = performance.now();
  await ask("update", "configmaps", { namespace, name: "c", body: body(turn) });
  const next = await pending;
  if (next.done !== true) told += next.value.length;
  longestMs = Math.max(longestMs, performance.now() - began);
}
const after = await settledMemory();
const said: Grown = {
  grown: after.heap + after.outside - before.heap - before.outside,
  open: slow.filter(({ destroyed }) => !destroyed).length,
  told,
  longestMs,
};
process.stdout.write(`${JSON.stringify(said)}\n`);
process.exit();

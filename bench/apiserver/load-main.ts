import { setTimeout as sleep } from "node:timers/promises";
import { Etcd3 } from "etcd3";
import { Connection, type Target } from "./connection.ts";
import type { EtcdLoad, FromLoad, LatencyLoad, Load, Measured, RequestLoad, ToLoad, WatchLoad } from "./load.ts";

/** The load generator's own process: does what its parent says, and answers with what it measured. */

let seen = 0;

async function run(load: Load): Promise<Measured> {
  switch (load.kind) {
    case "requests":
      return requests(load);
    case "watches":
      return watches(load);
    case "latency":
      return latency(load);
    case "etcd":
      return etcd(load);
  }
}

async function requests(load: RequestLoad): Promise<Measured> {
  const { target, clients, count, method, contentType, gzip = false, from = 0 } = load;
  const connections = await openAll(target, clients);
  const lines = `${contentType === undefined ? "" : `content-type: ${contentType}\r\n`}${gzip ? "accept-encoding: gzip\r\n" : ""}`;
  const times: number[] = [];
  let next = from;
  let bytes = 0;
  const one = async (connection: Connection, client: number): Promise<void> => {
    for (let number = next++; number < from + count; number = next++) {
      const filled = (text: string): string => text.replaceAll("%N", String(number)).replaceAll("%C", String(client));
      const began = performance.now();
      const answer = await connection.request(method, filled(load.path), { lines, body: filled(load.body ?? "") });
      times.push(performance.now() - began);
      bytes += answer.bytes;
      if (answer.status >= 300) throw new Error(`${method} ${filled(load.path)} was answered with ${answer.status}`);
    }
  };
  const began = performance.now();
  await Promise.all(connections.map(one));
  const seconds = (performance.now() - began) / 1000;
  for (const connection of connections) connection.close();
  return { seconds, done: count, bytes, ...quantiles(times) };
}

/** Each event is a line; line ends of the framing are not among what is shown of the body. */
async function watches({ target, count, path, gzip = false }: WatchLoad): Promise<Measured> {
  const began = performance.now();
  const connections = await openAll(target, count);
  const onData = (piece: Buffer): void => {
    for (let at = piece.indexOf(10); at !== -1; at = piece.indexOf(10, at + 1)) seen++;
  };
  const lines = gzip ? "accept-encoding: gzip\r\n" : "";
  await Promise.all(
    connections.map(
      (connection, client) =>
        new Promise<void>((resolve, reject) => {
          const ended = (): void => reject(new Error("a watch ended"));
          connection
            .request("GET", path.replaceAll("%C", String(client)), { lines, onData, onHead: () => resolve() })
            .then(ended, reject);
        }),
    ),
  );
  seen = 0;
  return { seconds: (performance.now() - began) / 1000, done: count, bytes: 0, p50: 0, p99: 0 };
}

async function latency({ target, writes, everyMs, leases }: LatencyLoad): Promise<Measured> {
  const [writer, watcher, renewer] = await openAll(target, 3);
  if (writer === undefined || watcher === undefined || renewer === undefined) throw new Error("no connections");
  const shown = new Map<string, number>();
  let text = "";
  const path = "/api/v1/namespaces/bench-latency/configmaps";
  const watching = watcher.request("GET", `${path}?watch=true`, {
    onData: (piece) => {
      const at = performance.now();
      text += piece.toString("latin1");
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) {
        const [, stamp] = /"stamp":"([^"]+)"/.exec(line) ?? [];
        if (stamp !== undefined) shown.set(stamp, at);
      }
    },
  });
  watching.catch(() => undefined);
  let ended = false;
  let latestMs = 0;
  const renewing = (async () => {
    for (let turn = 0; !ended; turn++) {
      const due = performance.now() + 1000;
      for (let lease = 0; lease < leases; lease++) {
        const began = performance.now();
        const body = JSON.stringify({ spec: { holderIdentity: `turn-${turn}` } });
        const lines = "content-type: application/merge-patch+json\r\n";
        await renewer.request("PATCH", `/apis/coordination.k8s.io/v1/namespaces/bench-latency/leases/l${lease}`, { lines, body });
        latestMs = Math.max(latestMs, performance.now() - began);
      }
      await sleep(Math.max(0, due - performance.now()));
    }
  })();
  const began = performance.now();
  const acknowledged = new Map<string, number>();
  const run = String(process.pid);
  for (let number = 0; number < writes; number++) {
    const stamp = `${run}-${number}`;
    const body = JSON.stringify({ data: { stamp } });
    const lines = "content-type: application/merge-patch+json\r\n";
    const { status } = await writer.request("PATCH", `${path}/stamped`, { lines, body });
    if (status !== 200) throw new Error(`a write was answered with ${status}`);
    acknowledged.set(stamp, performance.now());
    await sleep(everyMs);
  }
  await sleep(200);
  ended = true;
  await renewing;
  const seconds = (performance.now() - began) / 1000;
  for (const connection of [writer, watcher, renewer]) connection.close();
  const times = [...acknowledged].map(([stamp, at]) => Math.max(0, (shown.get(stamp) ?? Infinity) - at));
  return { seconds, done: writes, bytes: 0, ...quantiles(times), latestMs };
}

async function etcd({ url, clients, count, bytes }: EtcdLoad): Promise<Measured> {
  const client = new Etcd3({ hosts: url });
  const value = Buffer.alloc(bytes, "x");
  const times: number[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) {
      const began = performance.now();
      await client.put(`/bench/${process.pid}/${number}`).value(value).exec();
      times.push(performance.now() - began);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: clients }, one));
  const seconds = (performance.now() - began) / 1000;
  client.close();
  return { seconds, done: count, bytes: bytes * count, ...quantiles(times) };
}

/** A few at a time: each costs the server a handshake. */
async function openAll(target: Target, count: number): Promise<Connection[]> {
  const connections: Connection[] = [];
  while (connections.length < count) {
    const batch = Math.min(32, count - connections.length);
    connections.push(...(await Promise.all(Array.from({ length: batch }, () => Connection.open(target)))));
  }
  return connections;
}

function quantiles(times: readonly number[]): { p50: number; p99: number } {
  const sorted = times.toSorted((left, right) => left - right);
  const at = (quantile: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

const answer = (message: FromLoad): void => void process.send?.(message);

process.on("message", (message: ToLoad) => {
  if ("report" in message) {
    answer({ seen });
    return;
  }
  run(message.load).then(
    (measured) => answer({ measured }),
    (error: unknown) => answer({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));

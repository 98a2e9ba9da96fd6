import { createServer } from "node:net";
import { CommandFailure } from "../failure.ts";

const firstPort = 6443;
const lastPort = 6643;
const firstEtcdPort = 2379;
const lastEtcdPort = 2579;

/** For the cluster's own etcd: the first free one from its usual one that no other cluster keeps. @throws CommandFailure */
export async function chooseEtcdPort(kept: ReadonlySet<number>): Promise<number> {
  const port = await firstFree(firstEtcdPort, lastEtcdPort, kept);
  if (port === undefined) throw new CommandFailure(`no port from ${firstEtcdPort} to ${lastEtcdPort} is free for an etcd`);
  return port;
}

/** The given port, if nobody listens there; else the first free one from 6443 that no other cluster keeps. @throws CommandFailure */
export async function choosePort(given: number | undefined, kept: ReadonlySet<number>): Promise<number> {
  if (given !== undefined) {
    if (await isFree(given)) return given;
    throw new CommandFailure(
      `port ${given} is in use: choose another with --port, or leave it out and the first free one from ${firstPort} is taken`,
    );
  }
  const port = await firstFree(firstPort, lastPort, kept);
  if (port !== undefined) return port;
  throw new CommandFailure(`no port from ${firstPort} to ${lastPort} is free: choose one with --port`);
}

async function firstFree(first: number, last: number, kept: ReadonlySet<number>): Promise<number | undefined> {
  for (let port = first; port <= last; port++) if (!kept.has(port) && (await isFree(port))) return port;
  return undefined;
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

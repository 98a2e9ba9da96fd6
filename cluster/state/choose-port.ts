import { createServer } from "node:net";
import { CommandFailure } from "../failure.ts";

const firstPort = 6443;
const lastPort = 6643;

/** The given port, if nobody listens there; else the first free one from 6443 that no other cluster keeps. @throws CommandFailure */
export async function choosePort(given: number | undefined, kept: ReadonlySet<number>): Promise<number> {
  if (given !== undefined) {
    if (await isFree(given)) return given;
    throw new CommandFailure(
      `port ${given} is in use: choose another with --port, or leave it out and the first free one from ${firstPort} is taken`,
    );
  }
  for (let port = firstPort; port <= lastPort; port++) {
    if (!kept.has(port) && (await isFree(port))) return port;
  }
  throw new CommandFailure(`no port from ${firstPort} to ${lastPort} is free: choose one with --port`);
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

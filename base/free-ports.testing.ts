import { createServer } from "node:net";
import { systemRandom } from "./random.ts";

/** Below those that the system gives to whoever does not choose, so that nobody is given one before it is used, or while its server is away. */
const first = 20_000;
const last = 32_000;

/** Ports of loopback where nobody listens, each different. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = first + Math.floor(systemRandom.float() * (last - first));
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

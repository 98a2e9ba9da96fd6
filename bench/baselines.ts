import { start, stop, succeed } from "#test/e2e/run";

/** What Node.js itself costs, so that a figure says something about Skiff and not about the machine. */

/** Starting so many Node.js processes at once, until all have ended. @returns milliseconds */
export async function bareNodes(count: number): Promise<number> {
  const started = performance.now();
  await Promise.all(Array.from({ length: count }, () => succeed([process.execPath, "-e", "0"])));
  return performance.now() - started;
}

export interface BareServer {
  readonly pid: number;
  stop(): Promise<void>;
}

/** An HTTPS server that does nothing, on a free port of loopback: the least that a component of ours could be. */
export async function bareServer(): Promise<BareServer> {
  const program = `require("node:https").createServer().listen(0, "127.0.0.1", () => console.log("listening"))`;
  const server = start([process.execPath, "-e", program]);
  await new Promise<void>((resolve, reject) => {
    server.child.once("error", reject);
    server.child.once("close", () => reject(new Error(`the bare server ended: ${server.output.stderr}`)));
    server.child.stdout?.once("data", () => resolve());
  });
  return { pid: server.child.pid ?? 0, stop: () => stop(server) };
}

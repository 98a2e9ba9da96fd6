import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { systemClock } from "#base/clock";
import { systemRandom } from "#base/random";
import { memoryPki } from "#cluster/pki/pki";
import type { BareServerOptions } from "./bare-server-main.ts";
import type { Target } from "./connection.ts";

export interface BareServer {
  readonly target: Target;
  stop(): Promise<void>;
}

/** node:https in a process of its own, with keys and certificates like a cluster's, asking for the client's as we do. */
export async function startBareServer(bodies: BareServerOptions["bodies"]): Promise<BareServer> {
  const pki = await memoryPki(systemClock, systemRandom);
  const own = await pki.pair("server", {
    commonName: "bare",
    use: "server",
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
  });
  const client = await pki.pair("client", { commonName: "client", use: "client" });
  const program = fileURLToPath(new URL("./bare-server-main.ts", import.meta.url));
  const child = fork(program, { execArgv: ["--conditions=source", "--import", "tsx"], serialization: "advanced" });
  const exited = once(child, "exit");
  const listening = once(child, "message") as Promise<[{ port: number }]>;
  child.send({ ...own, clientCa: pki.ca, bodies } satisfies BareServerOptions);
  const failed = exited.then(() => Promise.reject(new Error("the bare server ended")));
  const [{ port }] = await Promise.race([listening, failed]);
  failed.catch(() => undefined);
  return {
    target: { host: "127.0.0.1", port, ca: pki.ca, ...client },
    stop: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

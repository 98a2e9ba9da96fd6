import { runApiServer } from "#apiserver/main";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import type { ApiRequest, ApiResponse, Verb } from "#api/request";
import { systemClock, type Clock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import { memoryPki } from "#cluster/pki/pki";

/** An API server in a process of its own, started with `--expose-gc`, whose memory is looked at. There is one for each process. */

/** The system's, and how many wait on it. */
export let sleeps = 0;
const clock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => {
    sleeps++;
    return systemClock.sleep(ms, signal).finally(() => sleeps--);
  },
};

const shared = { clock, random: systemRandom, log: silentLogger };
const storage = new MemoryStorage(shared);
export const pki = await memoryPki(systemClock, systemRandom);
const tls = await pki.pair("server", { commonName: "kube-apiserver", use: "server", ipAddresses: ["127.0.0.1"] });
export const client = await pki.pair("admin", { commonName: "admin", organizations: ["system:masters"], use: "client" });
const stop = new AbortController();
export const server = await runApiServer({
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

export function ask(verb: Verb, resource: string, rest: Partial<ApiRequest> = {}): Promise<ApiResponse> {
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

/** @returns the bytes of the heap and outside of it, once everything that was given up is gone */
export async function settledMemory(): Promise<{ readonly heap: number; readonly outside: number }> {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("started without --expose-gc");
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, outside: external };
}

import { deployments, leases, pods } from "#api/resource-type";
import { runApiServer, type RunningApiServer } from "#apiserver/main";
import { MemoryStorage } from "#apiserver/storage/memory/memory-storage";
import { systemClock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { httpTransport } from "#client/http-transport";
import { createClient } from "#client/transport-client";
import { ensureNamespaces } from "#cluster/bootstrap/system-objects";
import { memoryPki, type Pki } from "#cluster/pki/pki";
import { runControllerManager } from "#controller-manager/main";
import { runScheduler } from "#scheduler/main";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { registerHollowNode, runHollowNodes } from "./hollow-kubelet.ts";

const shared = { clock: systemClock, random: systemRandom, log: silentLogger };

let pki: Pki;
let server: RunningApiServer;
let storage: MemoryStorage;
let stop: AbortController;
let stopServer: AbortController;
let running: Promise<unknown>[];
const transports: { close(): void }[] = [];

async function connect(user: string, organizations: string[] = []): Promise<ApiClient> {
  const pair = await pki.pair(user, { commonName: user, organizations, use: "client" });
  const transport = httpTransport({ server: `https://127.0.0.1:${server.port}`, ca: pki.ca, ...pair });
  transports.push(transport);
  return createClient(transport);
}

beforeEach(async () => {
  stop = new AbortController();
  stopServer = new AbortController();
  running = [];
  storage = new MemoryStorage(shared);
  pki = await memoryPki(systemClock, systemRandom);
  const own = await pki.pair("apiserver", { commonName: "kube-apiserver", use: "server", ipAddresses: ["127.0.0.1"] });
  const serve = { tls: { ...own, clientCa: pki.ca }, listeners: [{ address: "127.0.0.1", port: 0 }], advertise: "127.0.0.1" };
  const serviceAccountKey = await pki.signingKey("sa");
  server = await runApiServer({ ...shared, storage, serviceAccountKey, serve, checks: [], signal: stopServer.signal });
});
afterEach(async () => {
  stop.abort(new Error("test over"));
  await Promise.allSettled(running);
  for (const transport of transports.splice(0)) transport.close();
  stopServer.abort(new Error("test over"));
  await server.close();
});

async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let attempt = 0; attempt < 1_500; attempt++) {
    if (await holds()) return;
    await systemClock.sleep(25);
  }
  throw new Error(`never seen: ${what}`);
}

describe("controllers and scheduler that reach the API server over TLS, each as its own user", () => {
  test("elect themselves leaders and bring a Deployment up", async () => {
    const admin = await connect("admin", ["system:masters"]);
    await ensureNamespaces(admin);
    await registerHollowNode(admin, "n1");
    const leaderElect = { identity: "only" };
    const { signal } = stop;
    const manager = await connect("system:kube-controller-manager");
    const scheduler = await connect("system:kube-scheduler");
    running.push(runHollowNodes(admin, signal));
    running.push(runControllerManager({ ...shared, client: manager, rootCa: pki.ca, signal, leaderElect }));
    running.push(runScheduler({ ...shared, client: scheduler, signal, leaderElect }));
    const key = { namespace: "default", name: "web" };
    await admin.create(deployments, {
      metadata: key,
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: "web" } },
        template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      },
    });
    const isUp = async () => (await admin.get(deployments, key)).status?.availableReplicas === 3;
    await eventually(isUp, "three available replicas");
    const held = (await admin.list(leases, { namespace: "kube-system" })).items.map(({ metadata, spec }) => [
      metadata.name,
      spec?.holderIdentity,
    ]);
    expect(held.toSorted()).toEqual([
      ["kube-controller-manager", "only"],
      ["kube-scheduler", "only"],
    ]);
    await admin.delete(deployments, key, { propagationPolicy: "Foreground" });
    await eventually(async () => (await admin.list(pods)).items.length === 0, "the last pod's end");
    stop.abort(new Error("over"));
    await Promise.all(running);
    const given = (await admin.list(leases, { namespace: "kube-system" })).items.map(({ spec }) => spec?.holderIdentity ?? "");
    expect(given).toEqual(["", ""]);
  });
});

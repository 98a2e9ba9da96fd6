import { request } from "node:https";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { packageRoot } from "#base/package-root";
import { pods } from "#api/resource-type";
import { httpTransport } from "#client/http-transport";
import { readKubeconfig } from "#client/kubeconfig";
import { createClient } from "#client/transport-client";
import { buildBusyboxImage, exampleImageReference } from "#cluster/example-image";
import { findProgram } from "#cluster/local-nodes/missing-tools";
import { succeed } from "#test/e2e/run";
import { TestCluster } from "#test/e2e/test-cluster";
import { bareNodes, bareServer } from "./baselines.ts";
import { cpuPercent, residentMb } from "./process-use.ts";
import { median, row, type Row } from "./table.ts";

const settleSeconds = 15;
const idleSeconds = 20;
const replicas = 3;
const patienceMs = 60_000;

/** Times of one round, in milliseconds, each with its baseline. */
interface Times {
  readonly api: number;
  readonly nodes: number;
  readonly pods: number;
  readonly oneNode: number;
  readonly fiveNodes: number;
  readonly kubectl: number;
}

/** From nothing to three nodes with a pod each, as a user does it, and what it costs to keep it. */
export async function benchStart(rounds: number, say: (text: string) => void): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) throw new Error("nodes that run containers need root");
  const folder = await mkdtemp(join(tmpdir(), "skiff-bench-"));
  try {
    // Whatever must be built is built before a clock runs.
    await succeed([join(packageRoot, "skiff"), "--version"]);
    const image = await exampleImage(folder);
    const times: Times[] = [];
    let idle: readonly Row[] = [];
    for (let round = 1; round <= rounds; round++) {
      const cluster = await TestCluster.create("bench");
      try {
        times.push(await oneRound(cluster, image));
        say(`round ${round} of ${rounds}: ${describe(times.at(-1))}`);
        if (round === rounds) {
          say(`idle: ${settleSeconds + idleSeconds} s`);
          idle = await measureIdle(cluster);
        }
      } finally {
        await cluster.remove();
      }
    }
    const middle = (of: (times: Times) => number): number => median(times.map(of));
    return [
      row(
        "skiff up to API ready / node -e 0",
        middle(({ api }) => api),
        "ms",
        middle(({ oneNode }) => oneNode),
        1000,
      ),
      row(
        "skiff up to 3 nodes Ready / 5 x node -e 0",
        middle(({ nodes }) => nodes),
        "ms",
        middle(({ fiveNodes }) => fiveNodes),
        3000,
      ),
      row(
        "kubectl apply to 3 pods Running / kubectl get --raw",
        middle((one) => one.pods),
        "ms",
        middle(({ kubectl }) => kubectl),
        1000,
      ),
      ...idle,
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function oneRound(cluster: TestCluster, image: string): Promise<Times> {
  const oneNode = await bareNodes(1);
  const fiveNodes = await bareNodes(5);
  const port = await freePort();
  const started = performance.now();
  const up = cluster.up("--nodes", "3", "--port", String(port));
  const ready = untilReady(port);
  // The one that fails first says why; the other then fails for want of a server, or of time.
  const [api, nodes] = await Promise.all([since(started, ready), since(started, up)]);
  const loaded = await cluster.skiff(["image", "load", image]);
  if (loaded.code !== 0) throw new Error(`skiff image load exited with ${loaded.code}: ${loaded.stderr}`);
  const kubectl = await since(performance.now(), succeed(["kubectl", "get", "--raw", "/readyz"], { env: cluster.env }));
  return { api, nodes, pods: await applyDeployment(cluster), oneNode, fiveNodes, kubectl };
}

/** By kubectl, seen through a watch. @returns milliseconds until the last pod was shown to be Running */
async function applyDeployment(cluster: TestCluster): Promise<number> {
  const transport = httpTransport(readKubeconfig(cluster.kubeconfig));
  const end = new AbortController();
  try {
    const timeout = AbortSignal.timeout(patienceMs);
    const signal = AbortSignal.any([end.signal, timeout]);
    const events = createClient(transport).watch(pods, { namespace: "default", resourceVersion: "0", signal });
    const running = (async () => {
      const names = new Set<string>();
      for await (const event of events) {
        if (event.type === "BOOKMARK" || event.object.status?.phase !== "Running") continue;
        if (names.add(event.object.metadata.name).size === replicas) return;
      }
      throw new Error("the watch of the pods ended before all were Running");
    })();
    const started = performance.now();
    const applied = succeed(["kubectl", "apply", "-f", "-"], { env: cluster.env, input: JSON.stringify(deployment) });
    const [milliseconds] = await Promise.all([since(started, running), applied]);
    return milliseconds;
  } finally {
    end.abort();
    transport.close();
  }
}

/** No probes: they would be measured as the agent's idling. */
const deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "hello", namespace: "default" },
  spec: {
    replicas,
    selector: { matchLabels: { app: "hello" } },
    template: {
      metadata: { labels: { app: "hello" } },
      spec: { containers: [{ name: "web", image: exampleImageReference }] },
    },
  },
};

/** With the round's pods running, one on each node. */
async function measureIdle(cluster: TestCluster): Promise<readonly Row[]> {
  const server = await bareServer();
  try {
    const pids = [await cluster.pidOf("control-plane"), await cluster.pidOf("node-1"), server.pid];
    await sleep(settleSeconds * 1000);
    const [planeMb = 0, agentMb = 0, bareMb = 0] = await Promise.all(pids.map(residentMb));
    const [planeCpu = 0, agentCpu = 0, bareCpu = 0] = await cpuPercent(pids, idleSeconds);
    return [
      row("memory of the control plane / bare https server", planeMb, "MB", bareMb, 150),
      row("memory of an agent / bare https server", agentMb, "MB", bareMb, 80),
      row("idle control plane / bare https server", planeCpu, "% of a core", bareCpu, 2),
      row("idle agent / bare https server", agentCpu, "% of a core", bareCpu, 2),
    ];
  } finally {
    await server.stop();
  }
}

async function exampleImage(folder: string): Promise<string> {
  const busyboxPath = findProgram("busybox", process.env["PATH"] ?? "");
  if (busyboxPath === undefined) throw new Error("busybox is not installed: apt-get install busybox-static");
  const outputDirectory = join(folder, "image");
  await buildBusyboxImage({ outputDirectory, busyboxPath });
  return outputDirectory;
}

/** Asks every few milliseconds, each time anew: there is nobody to listen at first. */
async function untilReady(port: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await isReady(port))) {
    if (performance.now() > deadline) throw new Error(`no API server is ready on port ${port}`);
    await sleep(5);
  }
}

/** No certificate: whoever asks for health is not asked who they are. */
function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const target = { host: "127.0.0.1", port, path: "/readyz", rejectUnauthorized: false, agent: false };
    const call = request(target, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on("error", () => resolve(false));
    call.end();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function since(started: number, work: Promise<unknown>): Promise<number> {
  await work;
  return performance.now() - started;
}

function describe(times: Times | undefined): string {
  const { api = 0, nodes = 0, pods: running = 0 } = times ?? {};
  return `API ${Math.round(api)} ms, nodes ${Math.round(nodes)} ms, pods ${Math.round(running)} ms`;
}

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { packageRoot } from "#base/package-root";
import type { Pod } from "#api/generated/types";
import { pods } from "#api/resource-type";
import type { ApiClient } from "#client/api-client";
import { httpTransport, type HttpTransportOptions } from "#client/http-transport";
import { readKubeconfig } from "#client/kubeconfig";
import { createClient } from "#client/transport-client";
import { buildBusyboxImage, exampleImageReference } from "#cluster/example-image";
import { findProgram } from "#cluster/local-nodes/missing-tools";
import { succeed } from "#test/e2e/run";
import { TestCluster } from "#test/e2e/test-cluster";
import { bareContainers } from "./bare-containers.ts";
import { bareServer } from "./baselines.ts";
import { cpuPercent, residentMb } from "./process-use.ts";
import { median, row, type Row } from "./table.ts";

const together = 30;
const fullNode = 110;
const execs = 20;
const settleSeconds = 10;
const idleSeconds = 15;
const patienceMs = 120_000;

/** One node, its image present: how fast pods start, what a full node costs, how long a command in a container takes. */
export async function benchNode(rounds: number, say: (text: string) => void): Promise<readonly Row[]> {
  if (process.getuid?.() !== 0) throw new Error("nodes that run containers need root");
  const folder = await mkdtemp(join(tmpdir(), "skiff-bench-node-"));
  const cluster = await TestCluster.create("bench-node");
  try {
    await succeed([join(packageRoot, "skiff"), "--version"]);
    const busyboxPath = findProgram("busybox", process.env["PATH"] ?? "");
    if (busyboxPath === undefined) throw new Error("busybox is not installed: apt-get install busybox-static");
    const image = join(folder, "image");
    await buildBusyboxImage({ outputDirectory: image, busyboxPath });
    await cluster.up("--nodes", "1");
    const loaded = await cluster.skiff(["image", "load", image]);
    if (loaded.code !== 0) throw new Error(`skiff image load exited with ${loaded.code}: ${loaded.stderr}`);
    const connection = readKubeconfig(cluster.kubeconfig);
    const transport = httpTransport(connection);
    try {
      return await measure({ cluster, client: createClient(transport), connection, folder, busyboxPath, rounds, say });
    } finally {
      transport.close();
    }
  } finally {
    await cluster.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Bench {
  readonly cluster: TestCluster;
  readonly client: ApiClient;
  readonly connection: HttpTransportOptions;
  readonly folder: string;
  readonly busyboxPath: string;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

async function measure({ cluster, client, connection, folder, busyboxPath, rounds, say }: Bench): Promise<readonly Row[]> {
  const [middle, last, alone, bareMiddle, bareLast]: number[][] = [[], [], [], [], []];
  const mountNamespace = join(cluster.folder, "state", cluster.name, "nodes/namespaces/node-1/mnt");
  for (let round = 1; round <= rounds; round++) {
    const bare = await bareContainers({ count: together, folder: join(folder, `bare-${round}`), busyboxPath, mountNamespace });
    const one = await startPods(client, 1, `alone-${round}`);
    const all = await startPods(client, together, `together-${round}`);
    bareMiddle?.push(median(bare));
    bareLast?.push(Math.max(...bare));
    alone?.push(median(one));
    middle?.push(median(all));
    last?.push(Math.max(...all));
    const told = [median(one), median(all), Math.max(...all), median(bare), Math.max(...bare)].map(Math.round);
    say(
      `round ${round} of ${rounds}: one ${told[0]} ms, p50 ${told[1]} ms, last ${told[2]} ms, bare ${told[3]} and ${told[4]} ms`,
    );
    await removePods(client);
  }
  say(`${fullNode} pods: ${settleSeconds + idleSeconds} s`);
  await startPods(client, fullNode, "full");
  const idle = await measureIdle(cluster);
  const commands = await measureExec(connection, "full-0");
  await removePods(client);
  const of = (values: readonly number[] | undefined): number => median(values ?? []);
  return [
    row(`bind to Running, one pod / crun run of ${together} at once, p50`, of(alone), "ms", of(bareMiddle), 150),
    row(`bind to Running, ${together} pods at once, p50 / crun run, p50`, of(middle), "ms", of(bareMiddle), 150),
    row(`bind to Running, ${together} pods at once, last / crun run, last`, of(last), "ms", of(bareLast), 3000),
    ...idle,
    ...commands,
  ];
}

const podOf = (name: string): Pod => ({
  metadata: { name, namespace: "default" },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: "main", image: exampleImageReference, imagePullPolicy: "Never", command: ["sleep", "100000"] }],
  },
});

/** All asked for at once. @returns of each, the milliseconds from when a watch showed it bound to when it showed it Running */
async function startPods(client: ApiClient, count: number, name: string): Promise<readonly number[]> {
  const end = new AbortController();
  const signal = AbortSignal.any([end.signal, AbortSignal.timeout(patienceMs)]);
  const bound = new Map<string, number>();
  const took = new Map<string, number>();
  const { metadata } = await client.list(pods, { namespace: "default" });
  const watching = (async () => {
    const resourceVersion = metadata.resourceVersion ?? "";
    for await (const event of client.watch(pods, { namespace: "default", resourceVersion, signal })) {
      if (event.type === "BOOKMARK") continue;
      const { object } = event;
      const key = object.metadata.name;
      if (!key.startsWith(`${name}-`)) continue;
      const now = performance.now();
      if (object.spec?.nodeName !== undefined && !bound.has(key)) bound.set(key, now);
      if (object.status?.phase === "Running" && !took.has(key)) took.set(key, now - (bound.get(key) ?? now));
      if (took.size === count) return;
    }
    throw new Error("the watch of the pods ended before all were Running");
  })();
  try {
    await Promise.all([watching, ...Array.from({ length: count }, (_, index) => client.create(pods, podOf(`${name}-${index}`)))]);
    return [...took.values()];
  } finally {
    end.abort();
  }
}

async function removePods(client: ApiClient): Promise<void> {
  const found = (await client.list(pods, { namespace: "default" })).items;
  await Promise.all(found.map(({ metadata: { name } }) => client.delete(pods, { namespace: "default", name }, {})));
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline;) {
    if ((await client.list(pods, { namespace: "default" })).items.length === 0) return;
    await sleep(100);
  }
  throw new Error("the pods do not go");
}

/** Nothing changes meanwhile: what is used is used for looking. */
async function measureIdle(cluster: TestCluster): Promise<readonly Row[]> {
  const server = await bareServer();
  try {
    const pids = [await cluster.pidOf("node-1"), server.pid];
    await sleep(settleSeconds * 1000);
    const [agentMb = 0, bareMb = 0] = await Promise.all(pids.map(residentMb));
    const [agentCpu = 0, bareCpu = 0] = await cpuPercent(pids, idleSeconds);
    return [
      row(`memory of an agent with ${fullNode} pods / bare https server`, agentMb, "MB", bareMb, 150),
      row(`idle agent with ${fullNode} pods / bare https server`, agentCpu, "% of a core", bareCpu, 5),
    ];
  } finally {
    await server.stop();
  }
}

/** From a new connection to the command's status, as a kubectl does it without the time that a kubectl takes to begin. */
async function measureExec(connection: HttpTransportOptions, pod: string): Promise<readonly Row[]> {
  const times: number[] = [];
  const bare: number[] = [];
  for (let index = 0; index < execs; index++) {
    const asked = performance.now();
    await runTrue(connection, pod);
    times.push(performance.now() - asked);
    const transport = httpTransport(connection);
    const read = performance.now();
    await createClient(transport).get(pods, { namespace: "default", name: pod });
    bare.push(performance.now() - read);
    transport.close();
  }
  return [row("exec of true over a new WebSocket / get of a pod over a new connection", median(times), "ms", median(bare), 60)];
}

async function runTrue({ server, ca, cert, key }: HttpTransportOptions, pod: string): Promise<void> {
  const url = `${server.replace(/^http/, "ws")}/api/v1/namespaces/default/pods/${pod}/exec?command=true&stdout=true&stderr=true`;
  const socket = new WebSocket(url, ["v5.channel.k8s.io"], { ca, cert, key, perMessageDeflate: false });
  const errorChannel = 3;
  let status = "";
  socket.on("message", (message: Buffer) => {
    if (message[0] === errorChannel) status += message.subarray(1).toString();
  });
  await once(socket, "close");
  if (!status.includes('"Success"')) throw new Error(`exec did not succeed: ${status}`);
}

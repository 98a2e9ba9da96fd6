import { setTimeout as sleep } from "node:timers/promises";
import { readKubeconfig } from "#client/kubeconfig";
import { TestCluster } from "#test/e2e/test-cluster";
import { cpuSeconds } from "../process-use.ts";
import { Connection, type Target } from "./connection.ts";
import { LoadProcess, type Measured, type RequestLoad } from "./load.ts";
import { podBody, statusPatch } from "./pods.ts";

/** What one load did, and what it cost the server. */
export interface Loaded extends Measured {
  readonly perSecond: number;
  /** Of one core, in percent. */
  readonly cpu: number;
}

type Work = Omit<RequestLoad, "kind" | "target">;

const json = "application/json";
export const mergePatch = "application/merge-patch+json";
export const strategicPatch = "application/strategic-merge-patch+json";

/** A control plane as `skiff up` makes it, without nodes: they would be what is measured. */
export class BenchCluster {
  readonly cluster: TestCluster;
  readonly #flags: readonly string[];
  #target: Target | undefined;
  #pid = 0;

  private constructor(cluster: TestCluster, flags: readonly string[]) {
    this.cluster = cluster;
    this.#flags = flags;
  }

  static async start(...flags: string[]): Promise<BenchCluster> {
    const own = new BenchCluster(await TestCluster.create("bench"), flags);
    try {
      await own.up();
    } catch (error) {
      await own.remove();
      throw error;
    }
    return own;
  }

  async up(): Promise<void> {
    await this.cluster.up("--nodes", "0", ...this.#flags);
    const { server, ca, cert, key } = readKubeconfig(this.cluster.kubeconfig);
    const { hostname, port } = new URL(server);
    this.#target = {
      host: hostname,
      port: Number(port),
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    };
    this.#pid = await this.cluster.pidOf("control-plane");
  }

  async down(): Promise<void> {
    await this.cluster.skiff(["down"]);
  }

  async remove(): Promise<void> {
    await this.cluster.remove();
  }

  get target(): Target {
    if (this.#target === undefined) throw new Error("the cluster is not up");
    return this.#target;
  }

  get pid(): number {
    return this.#pid;
  }

  async load(process: LoadProcess, work: Work): Promise<Loaded> {
    return this.measured(() => process.run({ kind: "requests", target: this.target, ...work }));
  }

  /** What the server uses of the processor while `work` goes on. */
  async measured(work: () => Promise<Measured>): Promise<Loaded> {
    const before = cpuSeconds(this.#pid);
    const measured = await work();
    const cpu = ((cpuSeconds(this.#pid) - before) / measured.seconds) * 100;
    return { ...measured, perSecond: measured.done / measured.seconds, cpu };
  }

  /** Of one request. @returns its body */
  async get(path: string): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const connection = await Connection.open(this.target);
    const { status } = await connection.request("GET", path, { onData: (piece) => void pieces.push(Buffer.from(piece)) });
    connection.close();
    if (status !== 200) throw new Error(`GET ${path} was answered with ${status}`);
    return Buffer.concat(pieces);
  }

  async create(path: string, body: object): Promise<void> {
    const connection = await Connection.open(this.target);
    const lines = `content-type: ${json}\r\n`;
    const { status } = await connection.request("POST", path, { lines, body: JSON.stringify(body) });
    connection.close();
    if (status !== 201) throw new Error(`POST ${path} was answered with ${status}`);
  }

  /** With its service account, without which there are no pods. */
  async namespace(name: string): Promise<void> {
    await this.create("/api/v1/namespaces", { metadata: { name } });
    for (let tries = 0; tries < 100; tries++) {
      if ((await this.get(`/api/v1/namespaces/${name}/serviceaccounts`)).includes('"default"')) return;
      await sleep(50);
    }
    throw new Error(`namespace ${name} has no service account`);
  }

  createPods(process: LoadProcess, namespace: string, count: number, options: PodOptions = {}): Promise<Loaded> {
    const { clients = 64, from = 0, fields = {}, gzip = false } = options;
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const body = podBody(namespace, fields);
    return this.load(process, { clients, count, from, method: "POST", path, body, contentType: json, gzip });
  }

  /** Each pod's status once, as its agent would write it. */
  async writeStatuses(process: LoadProcess, namespace: string, count: number): Promise<Loaded> {
    const path = `/api/v1/namespaces/${namespace}/pods/p-%N/status`;
    return this.load(process, { clients: 64, count, method: "PATCH", path, body: statusPatch(), contentType: strategicPatch });
  }
}

export interface PodOptions {
  readonly clients?: number;
  readonly from?: number;
  /** Of the spec. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly gzip?: boolean;
}

const watchers = 100;

/** A cluster with the watches of 100 agents open, and a process to load it with; nothing of it stays. */
export async function withCluster<T>(
  flags: readonly string[],
  work: (cluster: BenchCluster, load: LoadProcess) => Promise<T>,
): Promise<T> {
  const processes = [LoadProcess.start(), LoadProcess.start()] as const;
  try {
    const cluster = await BenchCluster.start(...flags);
    try {
      const [load, agents] = processes;
      const path = "/api/v1/pods?watch=true&allowWatchBookmarks=true&fieldSelector=spec.nodeName%3Dnode-%C";
      await agents.run({ kind: "watches", target: cluster.target, count: watchers, path });
      return await work(cluster, load);
    } finally {
      await cluster.remove();
    }
  } finally {
    await Promise.all(processes.map((process) => process.stop()));
  }
}

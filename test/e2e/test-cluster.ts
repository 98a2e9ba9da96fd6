import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "#base/free-ports.testing";
import { packageRoot } from "#base/package-root";
import { kubectlBinary } from "./requirements.ts";
import { run, start, succeed, type Ran } from "./run.ts";

export interface TestPod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string; readonly containers: readonly { readonly image: string }[] };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly ready: boolean;
      readonly containerID?: string;
      readonly state: { readonly waiting?: { readonly reason: string }; readonly running?: object };
      readonly lastState: { readonly terminated?: { readonly exitCode: number; readonly reason: string } };
    }[];
  };
}

/** A cluster of its own for one test file: in a temporary folder, with a kubeconfig of its own, through the same CLI a user has. */
export class TestCluster {
  readonly name: string;
  readonly folder: string;
  readonly kubeconfig: string;
  /** Of its API server: nobody else takes it while that is down. */
  readonly port: number;

  private constructor(name: string, folder: string, port: number) {
    this.name = name;
    this.folder = folder;
    this.port = port;
    this.kubeconfig = join(folder, "kubeconfig");
  }

  static async create(name: string): Promise<TestCluster> {
    return new TestCluster(name, await mkdtemp(join(tmpdir(), `skiff-${name}-`)), await freePort());
  }

  /** `skiff COMMAND …` for this cluster. */
  skiff(command: readonly string[], flags: readonly string[] = []): Promise<Ran> {
    return run(
      [join(packageRoot, "skiff"), ...command, "--name", this.name, "--state-dir", join(this.folder, "state"), ...flags],
      { env: this.env },
    );
  }

  async up(...flags: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.skiff(["up"], ["--port", String(this.port), ...flags]);
    if (code !== 0) throw new Error(`skiff up exited with ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  async remove(): Promise<void> {
    const { code, stderr } = await this.skiff(["delete"]);
    await rm(this.folder, { recursive: true, force: true });
    if (code !== 0) throw new Error(`skiff delete exited with ${code}: ${stderr}`);
  }

  get env(): Record<string, string> {
    return { KUBECONFIG: this.kubeconfig, HOME: this.folder };
  }

  kubectl(version: string): Kubectl {
    return new Kubectl(kubectlBinary(version) ?? "", this.env);
  }

  /** What is mounted in its nodes, root file systems and pods' namespaces among it, as `node-1 MOUNT POINT` in order. */
  async nodeMounts(nodes: number): Promise<readonly string[]> {
    const found: string[] = [];
    for (let index = 1; index <= nodes; index++) {
      const namespace = join(this.folder, "state", this.name, "nodes/namespaces", `node-${index}`, "mnt");
      const mounts = await succeed(["nsenter", `--mount=${namespace}`, "cat", "/proc/self/mounts"]);
      found.push(
        ...mounts
          .trim()
          .split("\n")
          .map((line) => `node-${index} ${line.split(" ")[1] ?? ""}`),
      );
    }
    return found.sort();
  }

  /** Of one container on a node: `NAMESPACE_POD_UID/CONTAINER`. */
  logFiles(node: string, container: string): Promise<Ran> {
    return run(["ls", join(this.folder, "state", this.name, "nodes", node, "logs", container)]);
  }

  /** Of a process of this cluster: `control-plane`, `node-1` … */
  async pidOf(name: string): Promise<number> {
    const text = await readFile(join(this.folder, "state", this.name, "run", `${name}.pid`), "utf8");
    return (JSON.parse(text) as { pid: number }).pid;
  }
}

/** A real kubectl, pointed at one cluster. */
export class Kubectl {
  readonly binary: string;
  readonly env: Record<string, string>;

  constructor(binary: string, env: Record<string, string>) {
    this.binary = binary;
    this.env = env;
  }

  try(args: readonly string[], input?: string): Promise<Ran> {
    return run([this.binary, ...args], { env: this.env, ...(input !== undefined && { input }) });
  }

  async do(args: readonly string[], input?: string): Promise<string> {
    return succeed([this.binary, ...args], { env: this.env, ...(input !== undefined && { input }) });
  }

  start(args: readonly string[]): ReturnType<typeof start> {
    return start([this.binary, ...args], { env: this.env });
  }

  async json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.do([...args, "-o", "json"])) as T;
  }

  /** Those that are not on their way out. */
  async pods(selector: string): Promise<readonly TestPod[]> {
    const { items } = await this.json<{ items: readonly TestPod[] }>(["get", "pods", "-l", selector]);
    return items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  }
}

export function isReady(pod: TestPod): boolean {
  return pod.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
}

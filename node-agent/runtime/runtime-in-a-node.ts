import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#base/clock";
import { packageRoot } from "#base/package-root";
import type { ImageStatus } from "../images/image-service.ts";
import { listProcessIds } from "./process-table.ts";
import { runChecked, runCommand } from "./run-command.ts";
import type { ContainerRuntime } from "./runtime.ts";
import { RuntimeError } from "./runtime.ts";
import type { WorkerAnswer, WorkerRequest, WorkerSettings } from "./runtime-worker.ts";

type Unstreamed = Omit<ContainerRuntime, "changes" | "openExec" | "attach">;

/** For tests: a mount and a network namespace of their own with a runtime in them, in a process that can be killed. */
export interface RuntimeInANode {
  readonly runtime: Unstreamed;
  readonly image: ImageStatus;
  readonly folder: string;
  readonly cgroup: string;
  /** Ends the process without a warning and starts another on the same folders. */
  restart(): Promise<void>;
  nextChange(): Promise<void>;
  /** Runs a command inside the node. */
  inNode(argv: readonly string[]): Promise<string>;
  /** Kills and removes everything. */
  close(): Promise<void>;
}

/** A node that is there already; what runs in it is left to whoever made it. */
export interface ExistingNode {
  /** Before a command that is to run in it. */
  readonly enter: readonly string[];
  readonly podRange: string;
  readonly cgroup: string;
}

export async function openRuntimeInANode(
  runtimeBinary: string,
  existing?: ExistingNode,
  limits: Pick<WorkerSettings, "callLimitMs"> = {},
): Promise<RuntimeInANode> {
  const folder = await mkdtemp(join(tmpdir(), "skiff-runtime-"));
  const image = await makeImage(join(folder, "layer"));
  const cgroup = existing?.cgroup ?? `/skiff-test-${process.pid}-${folder.slice(-6)}`;
  const settings: WorkerSettings = { folder, runtimeBinary, image, podRange: existing?.podRange ?? "10.99.7.0/24", ...limits };
  const holder = existing === undefined ? await startHolder() : undefined;
  const enter = existing?.enter ?? ["nsenter", `--target=${holder?.pid ?? 0}`, "--mount", "--net", "--wd=/"];
  const killAll = async () => {
    if (holder !== undefined) await killEverythingInNetworkOf(holder.pid ?? 0);
    await rm(folder, { recursive: true, force: true });
  };
  let worker: Worker;
  try {
    worker = await Worker.start(enter, settings);
    await worker.call("ensureCgroup", [cgroup, {}]);
  } catch (error) {
    await killAll();
    throw error;
  }
  return {
    runtime: proxyFor(() => worker),
    image,
    folder,
    cgroup,
    restart: async () => {
      await worker.kill();
      worker = await Worker.start(enter, settings);
    },
    nextChange: async () => {
      await worker.call("nextChange", []);
    },
    inNode: (argv) => runChecked([...enter, ...argv]),
    close: async () => {
      if (existing === undefined) await worker.call("removeCgroup", [cgroup]).catch(() => undefined);
      await worker.kill();
      await killAll();
    },
  };
}

class Worker {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: WorkerAnswer) => void>();
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (answer: WorkerAnswer) => this.#waiting.get(answer.id)?.(answer));
    child.on("exit", () => {
      for (const [id, settle] of this.#waiting) settle({ id, reason: undefined, message: "the runtime's process has ended" });
    });
  }

  static async start(enter: readonly string[], settings: WorkerSettings): Promise<Worker> {
    const [program = "", ...args] = enter;
    const node = [process.execPath, "--conditions=source", "--import", join(packageRoot, "node_modules/tsx/dist/esm/index.mjs")];
    const script = join(packageRoot, "node-agent/runtime/runtime-worker.ts");
    const child = spawn(program, [...args, ...node, script], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const worker = new Worker(child);
    await worker.#request((id) => ({ id, open: settings }));
    return worker;
  }

  call(method: Extract<WorkerRequest, { method: unknown }>["method"], args: unknown[]): Promise<unknown> {
    return this.#request((id) => ({ id, method, args }));
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }

  async #request(make: (id: number) => WorkerRequest): Promise<unknown> {
    const id = ++this.#calls;
    const answer = await new Promise<WorkerAnswer>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send(make(id));
    });
    this.#waiting.delete(id);
    if ("value" in answer) return answer.value;
    const { reason, message } = answer;
    throw reason === undefined ? new Error(message) : new RuntimeError(reason as RuntimeError["reason"], message);
  }
}

function proxyFor(current: () => Worker): Unstreamed {
  const call =
    (method: keyof Unstreamed) =>
    (...args: unknown[]) =>
      current().call(method, args);
  return new Proxy({} as Unstreamed, { get: (_target, method) => call(method as keyof Unstreamed) });
}

/** Keeps the namespaces; the hybrid v2 tree that crun cannot stand is unmounted inside them alone. */
async function startHolder(): Promise<ChildProcess> {
  const script =
    "if umount /sys/fs/cgroup/unified 2>/dev/null; then mount -t tmpfs none /sys/fs/cgroup/unified; fi; ip link set lo up && echo ready && exec sleep 100000";
  const holder = spawn("unshare", ["--mount", "--net", "--propagation", "private", "sh", "-c", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  return holder;
}

async function killEverythingInNetworkOf(holder: number): Promise<void> {
  const namespaceOf = (pid: number) => readlink(`/proc/${pid}/ns/net`).catch(() => "");
  const wanted = await namespaceOf(holder);
  if (wanted === "" || wanted === (await namespaceOf(process.pid))) return;
  for (const pid of await listProcessIds()) {
    if ((await namespaceOf(pid)) === wanted && pid !== holder) process.kill(pid, "SIGKILL");
  }
  process.kill(holder, "SIGKILL");
  await systemClock.sleep(50);
}

/** Busybox with the users the tests ask for. */
async function makeImage(layer: string): Promise<ImageStatus> {
  for (const path of ["bin", "etc", "tmp", "home/app"]) await mkdir(join(layer, path), { recursive: true });
  await chmod(join(layer, "tmp"), 0o1777);
  await copyFile(await busyboxPath(), join(layer, "bin/busybox"));
  await chmod(join(layer, "bin/busybox"), 0o755);
  const applets = (await runChecked([join(layer, "bin/busybox"), "--list"])).trim().split("\n");
  for (const applet of applets.filter((name) => name !== "busybox")) await symlink("busybox", join(layer, "bin", applet));
  await writeFile(join(layer, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n");
  await writeFile(join(layer, "etc/group"), "root:x:0:\napp:x:1001:\nextra:x:1002:app,other\n");
  return {
    id: `sha256:${"a".repeat(64)}`,
    references: ["skiff.local/busybox:test"],
    digests: [],
    sizeBytes: 0,
    layers: [layer],
    config: { env: ["FROM_IMAGE=yes"], entrypoint: [], command: ["sleep", "1000"], volumes: [] },
  };
}

async function busyboxPath(): Promise<string> {
  const found = await runCommand(["sh", "-c", "command -v busybox"]);
  return found.stdout.trim();
}

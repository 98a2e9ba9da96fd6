import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { MachineCgroups } from "../cgroups/cgroups.ts";
import { bytesBelow } from "../eviction/disk-use.ts";
import type { ImageService } from "../images/image-service.ts";
import { ociResources } from "./bundle.ts";
import { Containers } from "./containers.ts";
import { attachTo } from "./attach.ts";
import { beginExec } from "./begin-exec.ts";
import { ExitDirectory } from "./exit-directory.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { OciRuntime } from "./oci-runtime.ts";
import type { ContainerRecord, SandboxRecord } from "./records.ts";
import { RecordStore } from "./records.ts";
import type {
  Container,
  ContainerConfig,
  ContainerResources,
  ContainerRuntime,
  ContainerStats,
  ExecOptions,
  ExecProcess,
  ExecResult,
  PodNetwork,
  RuntimeInfo,
  Sandbox,
  SandboxConfig,
} from "./runtime.ts";
import { RuntimeError } from "./runtime.ts";
import type { SandboxPaths } from "./sandbox.ts";
import { endStrays } from "./strays.ts";
import { areNamespacesBound, makeNamespaces, removeNamespaces, sandboxPaths, unbindNamespaces } from "./sandbox.ts";

export interface CrunRuntimeOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly images: ImageService;
  readonly network: PodNetwork;
  readonly cgroups: MachineCgroups;
  /** Records and root file systems: of this node alone, on a disk. */
  readonly rootDirectory: string;
  /** Namespaces and exit codes: of this node alone, in the mount namespace the agent runs in. May be emptied by a reboot. */
  readonly runDirectory: string;
  /** crun's or runc's. */
  readonly runtimeBinary: string;
  readonly conmonBinary: string;
  /** What a call of the runtime's binary may take before it is killed; less than what the agent waits for the whole. */
  readonly callLimitMs?: number;
}

const usualCallLimitMs = 60_000;
const boundSeenMs = 4000;

/**
 * Containers by crun (or runc), each under a conmon of its own, pods as bound namespaces without a process. No container depends
 * on this program: after a restart `open` finds everything again from the records on disk and what the kernel says of them.
 */
export class CrunRuntime implements ContainerRuntime {
  readonly #options: CrunRuntimeOptions;
  readonly #oci: OciRuntime;
  readonly #exits: ExitDirectory;
  readonly #sandboxes: RecordStore<SandboxRecord>;
  readonly #records: RecordStore<ContainerRecord>;
  readonly #containers: Containers;
  readonly #lock = new KeyedLock();
  /** Monotonic, by id. */
  readonly #seenBound = new Map<string, number>();
  #execs = 0;

  private constructor(options: CrunRuntimeOptions) {
    const { clock, log, rootDirectory, runDirectory, callLimitMs = usualCallLimitMs } = options;
    this.#options = options;
    this.#oci = new OciRuntime({ binary: options.runtimeBinary, stateDirectory: join(runDirectory, "oci"), clock, callLimitMs });
    this.#exits = new ExitDirectory({ path: join(runDirectory, "exits"), clock });
    this.#sandboxes = new RecordStore({ folder: join(rootDirectory, "sandboxes"), log });
    this.#records = new RecordStore({ folder: join(rootDirectory, "containers"), log });
    this.#containers = new Containers({ ...options, callLimitMs, records: this.#records, exits: this.#exits, oci: this.#oci });
  }

  /** Takes over what an earlier one left. Only one may be open on the same folders at a time. */
  static async open(options: CrunRuntimeOptions): Promise<CrunRuntime> {
    const runtime = new CrunRuntime(options);
    await runtime.#recover();
    return runtime;
  }

  async info(): Promise<RuntimeInfo> {
    return { version: await this.#oci.version() };
  }

  async runPodSandbox(config: SandboxConfig): Promise<Sandbox> {
    const id = identifier("sandbox", config.podUid, String(config.attempt));
    return this.#lock.run(id, async () => {
      const existing = this.#sandboxes.get(id);
      if (existing?.phase === "ready" && (await this.#isReady(existing))) return describeSandbox(existing, true);
      const created: SandboxRecord = { id, config, createdAt: this.#options.clock.now(), ip: "", phase: "creating" };
      await this.#sandboxes.put(created);
      try {
        const paths = this.#paths(created);
        await makeNamespaces(paths, config, (pid) => this.#enterPod(config, pid));
        const ip = paths.network === undefined ? "" : (await this.#options.network.attach(config.podUid, paths.network)).ip;
        return describeSandbox(await this.#sandboxes.put({ ...created, ip, phase: "ready" }), true);
      } catch (error) {
        await this.#discardSandbox(created);
        const message = `failed to create pod sandbox: ${(error as Error).message}`;
        throw new RuntimeError("CreatePodSandboxError", message, { cause: error });
      }
    });
  }

  async stopPodSandbox(id: string): Promise<void> {
    await Promise.all(this.#containersOf(id).map((container) => this.stopContainer(container.id, 0)));
    await this.#lock.run(id, async () => {
      const sandbox = this.#sandboxes.get(id);
      if (sandbox === undefined || sandbox.phase === "stopped") return;
      const paths = this.#paths(sandbox);
      if (paths.network !== undefined) await this.#options.network.detach(sandbox.config.podUid, paths.network);
      await unbindNamespaces(paths);
      await this.#sandboxes.put({ ...sandbox, phase: "stopped" });
    });
  }

  async removePodSandbox(id: string): Promise<void> {
    await this.stopPodSandbox(id);
    await Promise.all(this.#containersOf(id).map((container) => this.removeContainer(container.id)));
    await this.#lock.run(id, async () => {
      const sandbox = this.#sandboxes.get(id);
      if (sandbox !== undefined) await this.#discardSandbox(sandbox);
    });
  }

  async createContainer(sandboxId: string, config: ContainerConfig): Promise<string> {
    const sandbox = this.#sandboxes.get(sandboxId);
    if (sandbox?.phase !== "ready") throw new RuntimeError("CreateContainerError", `sandbox ${sandboxId} is not ready`);
    const id = identifier("container", sandboxId, config.name, String(config.attempt));
    await this.#lock.run(id, () => this.#containers.create(id, sandbox, this.#paths(sandbox), config));
    return id;
  }

  async startContainer(id: string): Promise<void> {
    await this.#lock.run(id, async () => {
      const sandbox = this.#sandboxes.get(this.#records.get(id)?.sandboxId ?? "");
      if (sandbox?.phase !== "ready") throw new RuntimeError("RunContainerError", `container ${id} has no running sandbox`);
      await this.#containers.start(id, sandbox, this.#paths(sandbox));
    });
  }

  /** Does not wait its turn behind another stop, so that a shorter grace period takes effect at once. */
  async stopContainer(id: string, graceMs: number): Promise<void> {
    await this.#lock.run(id, async () => undefined);
    await this.#containers.stop(id, graceMs);
  }

  async removeContainer(id: string): Promise<void> {
    await this.#lock.run(id, () => this.#containers.remove(id));
  }

  async updateContainer(id: string, resources: ContainerResources): Promise<void> {
    await this.#lock.run(id, async () => {
      const record = this.#records.get(id);
      if (record === undefined || (await this.#containers.observe(record)).state !== "running") return;
      const file = join(this.#records.folderOf(id), "update.json");
      await this.#oci.update(id, ociResources(resources, this.#options.cgroups.version), file);
    });
  }

  async reopenLog(id: string): Promise<void> {
    await this.#lock.run(id, () => this.#containers.reopenLog(id));
  }

  async list(): Promise<{ sandboxes: readonly Sandbox[]; containers: readonly Container[] }> {
    const [sandboxes, containers] = await Promise.all([
      Promise.all(this.#sandboxes.all().map(async (sandbox) => describeSandbox(sandbox, await this.#wasReady(sandbox)))),
      this.#containers.observeAll(this.#records.all().filter(({ phase }) => phase === "created")),
    ]);
    return { sandboxes, containers };
  }

  async stats(): Promise<readonly ContainerStats[]> {
    const running = this.#records.all().filter(({ startedAt, exit }) => startedAt !== undefined && exit === undefined);
    const all = running.map(async ({ id, cgroupPath }) => {
      const usage = await this.#options.cgroups.usage(cgroupPath);
      return usage === undefined ? [] : [{ id, ...usage }];
    });
    return (await Promise.all(all)).flat();
  }

  async writtenBytes(id: string): Promise<number> {
    return this.#records.get(id) === undefined ? 0 : bytesBelow(join(this.#records.folderOf(id), "upper"));
  }

  async exec(id: string, command: readonly string[], options: { timeoutMs: number; signal?: AbortSignal }): Promise<ExecResult> {
    const record = this.#records.get(id);
    const state = record === undefined ? "gone" : (await this.#containers.observe(record)).state;
    if (state !== "running") throw new RuntimeError("RuntimeUnavailable", `container ${id} is not running`);
    const process = await this.#containers.execProcess(id, command);
    const filePrefix = join(this.#records.folderOf(id), `exec-${++this.#execs}`);
    return this.#oci.exec(id, process, { ...options, filePrefix });
  }

  async openExec(id: string, options: ExecOptions): Promise<ExecProcess> {
    const record = this.#records.get(id);
    const state = record === undefined ? "gone" : (await this.#containers.observe(record)).state;
    if (state !== "running") throw new RuntimeError("ExecError", `container ${id} is not running`);
    const process = await this.#containers.execProcess(id, options.command, options.tty);
    const filePrefix = join(this.#records.folderOf(id), `exec-${++this.#execs}`);
    const { clock } = this.#options;
    const { stdin, signal } = options;
    return beginExec({ oci: this.#oci, clock, id, process, filePrefix, stdin, ...(signal !== undefined && { signal }) });
  }

  async attach(id: string): Promise<ExecProcess> {
    const record = this.#records.get(id);
    const state = record === undefined ? "gone" : (await this.#containers.observe(record)).state;
    if (record === undefined || state !== "running") throw new RuntimeError("AttachError", `container ${id} is not running`);
    const { tty, stdin } = record.config;
    const { clock } = this.#options;
    return attachTo({ bundle: this.#records.folderOf(id), stdin: stdin !== undefined, tty, clock });
  }

  async *changes(signal: AbortSignal): AsyncIterable<void> {
    yield* this.#exits.changes(signal);
  }

  async #recover(): Promise<void> {
    const { rootDirectory, runDirectory } = this.#options;
    await Promise.all([rootDirectory, runDirectory].map((path) => mkdir(path, { recursive: true, mode: 0o711 })));
    await Promise.all([this.#exits.open(), this.#sandboxes.load(), this.#records.load()]);
    await endStrays({
      ...this.#options,
      folders: [join(rootDirectory, "containers"), runDirectory],
      monitors: this.#records.all().flatMap(({ monitor }) => (monitor === undefined ? [] : [monitor])),
    });
    await Promise.all(this.#records.all().map((record) => this.#containers.recover(record)));
    await this.#exits.forgetOthers(new Set(this.#records.all().map(({ id }) => id)));
    const unfinished = this.#sandboxes.all().filter(({ phase }) => phase === "creating");
    await Promise.all(unfinished.map((sandbox) => this.#discardSandbox(sandbox)));
  }

  async #discardSandbox(sandbox: SandboxRecord): Promise<void> {
    const paths = this.#paths(sandbox);
    if (paths.network !== undefined) await this.#options.network.detach(sandbox.config.podUid, paths.network);
    await removeNamespaces(paths);
    await this.#sandboxes.delete(sandbox.id);
    this.#seenBound.delete(sandbox.id);
  }

  async #isReady(sandbox: SandboxRecord): Promise<boolean> {
    if (sandbox.phase !== "ready" || !(await areNamespacesBound(this.#paths(sandbox)))) return false;
    this.#seenBound.set(sandbox.id, this.#options.clock.monotonic());
    return true;
  }

  /** For a list: nobody unbinds what a record calls ready, and every pass over a pod would ask again. */
  async #wasReady(sandbox: SandboxRecord): Promise<boolean> {
    const seenAt = this.#seenBound.get(sandbox.id) ?? -Infinity;
    const recently = this.#options.clock.monotonic() - seenAt < boundSeenMs;
    return sandbox.phase === "ready" && recently ? true : this.#isReady(sandbox);
  }

  /** Beside the pod's containers: a group with others below it takes no process in cgroup v2. */
  async #enterPod({ cgroupParent }: SandboxConfig, pid: number): Promise<void> {
    const { cgroups } = this.#options;
    const group = `${cgroupParent}/pause`;
    await cgroups.ensure(group, {});
    await cgroups.enter(group, pid);
  }

  #paths({ id, config }: SandboxRecord): SandboxPaths {
    return sandboxPaths(this.#options.runDirectory, id, config);
  }

  #containersOf(sandboxId: string): readonly ContainerRecord[] {
    return this.#records.all().filter((record) => record.sandboxId === sandboxId);
  }
}

/** The same thing asked for twice is the same container: 64 hexadecimal digits, as every container runtime's ids. */
function identifier(...parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("hex");
}

function describeSandbox({ id, config, createdAt, ip }: SandboxRecord, ready: boolean): Sandbox {
  const { podUid, podNamespace, podName, attempt } = config;
  return { id, podUid, podNamespace, podName, attempt, state: ready ? "ready" : "notReady", createdAt, ip };
}

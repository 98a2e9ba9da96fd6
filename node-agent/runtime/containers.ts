import { mkdirSync, writeFileSync } from "node:fs";
import { readFile, readdir, rm } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { ContainerCgroups } from "../cgroups/cgroups.ts";
import type { ImageService, ImageStatus } from "../images/image-service.ts";
import type { OciProcess, OciSpec } from "./bundle.ts";
import { buildSpec } from "./bundle.ts";
import { grantableCapabilities } from "./capabilities.ts";
import { createUnderConmon, reopenConmonLog } from "./conmon.ts";
import { machineDevices } from "./devices.ts";
import type { ExitDirectory } from "./exit-directory.ts";
import { readJsonFile } from "./json-file.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { isAlive, signalProcess } from "./process-table.ts";
import type { ContainerExit, ContainerRecord, RecordStore, SandboxRecord } from "./records.ts";
import { isRootfsMounted, makeFolderInRootfs, mountRootfs, readFromRootfs, unmountRootfs } from "./rootfs.ts";
import type { Container, ContainerConfig } from "./runtime.ts";
import { RuntimeError } from "./runtime.ts";
import type { SeccompProfile } from "./seccomp.ts";
import type { SandboxPaths } from "./sandbox.ts";
import { stopSignalNumber } from "./stop-signal.ts";
import { resolveUser } from "./users.ts";

/** As containerd's: the exit code of a container whose command could not be started. */
const startErrorCode = 128;
const killedCode = 137;
/** A monitor that was killed is missed that much later: what ends properly leaves its exit code, which is seen at once. */
const monitorSeenMs = 4000;

export interface ContainersOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly images: ImageService;
  readonly cgroups: ContainerCgroups;
  readonly records: RecordStore<ContainerRecord>;
  readonly exits: ExitDirectory;
  readonly oci: OciRuntime;
  readonly conmonBinary: string;
  readonly callLimitMs: number;
}

/**
 * The life of single containers. The command's first process is made at `start`, so a created container is files and a mount and
 * nothing of it runs. Calls that change one container are to be made one after the other; `observe` and `stop` at any time.
 */
export class Containers {
  readonly #options: ContainersOptions;
  readonly #removing = new Set<string>();
  /** Monotonic, by id. */
  readonly #seenMonitored = new Map<string, number>();

  constructor(options: ContainersOptions) {
    this.#options = options;
  }

  async create(id: string, sandbox: SandboxRecord, paths: SandboxPaths, config: ContainerConfig): Promise<void> {
    const { records, clock } = this.#options;
    if (records.get(id)?.phase === "created") return;
    const image = await this.#options.images.status(config.imageId);
    if (image === undefined) {
      throw new RuntimeError("ImageNotPresent", `image "${config.image}" (${config.imageId}) is not present on this machine`);
    }
    const record: ContainerRecord = {
      id,
      sandboxId: sandbox.id,
      podUid: sandbox.config.podUid,
      config,
      createdAt: clock.now(),
      cgroupPath: posix.join(sandbox.config.cgroupParent, id),
      stopSignal: config.stopSignal ?? image.config.stopSignal ?? "SIGTERM",
      phase: "creating",
    };
    try {
      await records.put(record);
      await this.#prepare(record, image, sandbox, paths);
      await records.put({ ...record, phase: "created" });
    } catch (error) {
      await this.remove(id);
      if (error instanceof RuntimeError) throw error;
      throw new RuntimeError("CreateContainerError", (error as Error).message, { cause: error });
    }
  }

  async start(id: string, sandbox: SandboxRecord, paths: SandboxPaths): Promise<void> {
    const before = await this.#settleInterruptedStart(this.#existing(id));
    if (before.exit !== undefined && before.startedAt === undefined)
      throw startError(before.exit.message ?? "it could not be started");
    if (before.startedAt !== undefined) return;
    const record = await this.#options.records.put({ ...before, startRequestedAt: this.#options.clock.now() });
    try {
      await this.#remountAfterReboot(record, sandbox, paths);
      const made = await this.#createProcess(record, sandbox);
      const created = await this.#options.records.put({ ...record, ...made });
      const startedAt = this.#options.clock.now();
      await this.#options.oci.start(id);
      await this.#options.records.put({ ...created, startedAt });
    } catch (error) {
      const { message } = error as Error;
      await this.#clearProcesses(record);
      const exit: ContainerExit = { code: startErrorCode, finishedAt: this.#options.clock.now(), reason: "StartError", message };
      await this.#options.records.put({ ...record, exit });
      throw startError(message, error);
    }
  }

  /** Resolves when the process is gone. A container that never started stays as it is. */
  async stop(id: string, graceMs: number): Promise<void> {
    const record = this.#options.records.get(id);
    if (record?.init === undefined || (await this.observe(record)).state !== "running") return;
    const { clock } = this.#options;
    if (graceMs > 0) {
      await signalProcess(record.init, stopSignalNumber(record.stopSignal));
      if (await this.#hasExited(record, clock.monotonic() + graceMs)) return;
    }
    await signalProcess(record.init, "SIGKILL");
    if (record.startedAt !== undefined) await this.#options.cgroups.kill(record.cgroupPath);
    await this.#hasExited(record, Infinity);
  }

  async remove(id: string): Promise<void> {
    const { records, exits } = this.#options;
    const record = records.get(id);
    if (record === undefined) return;
    await this.stop(id, 0);
    this.#removing.add(id);
    try {
      await this.#clearProcesses(record);
      unmountRootfs(records.folderOf(id));
      await records.delete(id);
      await exits.forget(id);
      this.#seenMonitored.delete(id);
    } finally {
      this.#removing.delete(id);
    }
  }

  async reopenLog(id: string): Promise<void> {
    await reopenConmonLog(this.#options.records.folderOf(id));
  }

  /** Another process like the container's own: same user, environment and confinement. crun's own defaults would be root's. */
  async execProcess(id: string, command: readonly string[], terminal = false): Promise<OciProcess> {
    const spec = await readJsonFile<OciSpec>(join(this.#options.records.folderOf(id), "config.json"));
    if (spec === undefined) throw new RuntimeError("RuntimeUnavailable", `container ${id} has no specification`);
    const { env } = spec.process;
    return { ...spec.process, args: command, terminal, env: terminal ? [...env, "TERM=xterm"] : env };
  }

  /** What is true of it now; an exit that was not known yet is written down. */
  async observe(record: ContainerRecord): Promise<Container> {
    return describe(record, record.exit ?? (await this.#findExit(record)));
  }

  /** As `observe`, of all at once: a monitor that was there a moment ago is not looked for again. */
  async observeAll(records: readonly ContainerRecord[]): Promise<readonly Container[]> {
    const { clock, exits } = this.#options;
    const exited = await exits.ids();
    const now = clock.monotonic();
    return Promise.all(
      records.map(async (record) => {
        const { id } = record;
        const seenAt = this.#seenMonitored.get(id) ?? -Infinity;
        const runs = record.startedAt !== undefined && record.exit === undefined && !exited.has(id);
        if (runs && now - seenAt < monitorSeenMs) return describe(record, undefined);
        const container = await this.observe(record);
        if (container.state === "running") this.#seenMonitored.set(id, now);
        return container;
      }),
    );
  }

  /** After a restart of the agent: finishes or takes back what its predecessor was in the middle of. */
  async recover(record: ContainerRecord): Promise<void> {
    if (record.phase === "creating") return this.remove(record.id);
    await this.#settleInterruptedStart(record);
    await this.#removeExecFiles(record.id);
  }

  /** Of commands that an earlier agent ran: their numbers begin anew. */
  async #removeExecFiles(id: string): Promise<void> {
    const folder = this.#options.records.folderOf(id);
    const files = (await readdir(folder)).filter((name) => name.startsWith("exec-"));
    await Promise.all(files.map((name) => rm(join(folder, name), { force: true })));
  }

  #existing(id: string): ContainerRecord {
    const record = this.#options.records.get(id);
    if (record?.phase === "created") return record;
    throw new RuntimeError("RunContainerError", `container ${id} does not exist`);
  }

  async #prepare(record: ContainerRecord, image: ImageStatus, sandbox: SandboxRecord, paths: SandboxPaths): Promise<void> {
    const { config } = record;
    const folder = this.#options.records.folderOf(record.id);
    const rootfs = await mountRootfs({ folder, layers: image.layers });
    const [passwd, group] = await Promise.all(["/etc/passwd", "/etc/group"].map((path) => readFromRootfs(rootfs, path)));
    const grantable = await grantableCapabilities();
    const processes = paths.pid ?? this.#processesOf(config);
    const seccomp = await localSeccompProfile(config.security);
    const spec = buildSpec({
      sandbox: sandbox.config,
      config,
      image: image.config,
      user: resolveUser(config, image.config, { passwd: passwd ?? "", group: group ?? "" }, sandbox.config),
      rootfs,
      cgroupPath: record.cgroupPath,
      cgroupVersion: this.#options.cgroups.version,
      namespaces: {
        uts: paths.uts,
        ...(paths.network !== undefined && { network: paths.network }),
        ...(paths.ipc !== undefined && { ipc: paths.ipc }),
        ...(processes !== undefined && { pid: processes }),
      },
      ...(seccomp !== undefined && { seccomp }),
      sharedMemory: paths.sharedMemory,
      hostnameFile: paths.hostnameFile,
      devices: config.security.privileged ? await machineDevices() : [],
      grantable,
      lowestOomScoreAdj: await lowestOomScoreAdj(grantable),
    });
    makeFolderInRootfs(rootfs, spec.process.cwd);
    writeFileSync(join(folder, "config.json"), JSON.stringify(spec), { mode: 0o600 });
  }

  /** The process namespace of another container. @throws RuntimeError when that is gone */
  #processesOf({ processesOf }: ContainerConfig): string | undefined {
    if (processesOf === undefined) return undefined;
    const target = this.#options.records.get(processesOf);
    if (target?.init === undefined || target.exit !== undefined)
      throw new RuntimeError("CreateContainerError", `container ${processesOf} is not running`);
    return `/proc/${target.init.pid}/ns/pid`;
  }

  /** Mounts do not outlive a reboot, records do. */
  async #remountAfterReboot(record: ContainerRecord, sandbox: SandboxRecord, paths: SandboxPaths): Promise<void> {
    if (await isRootfsMounted(this.#options.records.folderOf(record.id))) return;
    const image = await this.#options.images.status(record.config.imageId);
    if (image === undefined) throw new Error(`image "${record.config.image}" is not present on this machine`);
    await this.#prepare(record, image, sandbox, paths);
  }

  async #createProcess(record: ContainerRecord, sandbox: SandboxRecord) {
    const { oci, exits, conmonBinary, records } = this.#options;
    const { stdin } = record.config;
    const logFile = join(sandbox.config.logDirectory, record.config.logPath);
    mkdirSync(dirname(logFile), { recursive: true, mode: 0o755 });
    return createUnderConmon({
      conmonBinary,
      runtimeBinary: oci.binary,
      runtimeArguments: oci.globalArguments,
      id: record.id,
      name: record.config.name,
      bundle: records.folderOf(record.id),
      exitDirectory: exits.path,
      logFile,
      tty: record.config.tty,
      stdin: stdin === undefined ? "none" : stdin.once ? "until ended" : "kept open",
      clock: this.#options.clock,
      limitMs: this.#options.callLimitMs,
    });
  }

  /** Between the request and the start nothing of the image has run, so that start is taken back; after it, it is completed. */
  async #settleInterruptedStart(record: ContainerRecord): Promise<ContainerRecord> {
    const { startRequestedAt, startedAt, exit } = record;
    if (startRequestedAt === undefined || startedAt !== undefined || exit !== undefined) return record;
    const { oci, records } = this.#options;
    const known = await oci.state(record.id);
    const hasRun = record.init !== undefined && known?.status !== "created" && known?.status !== "creating";
    if (hasRun) return records.put({ ...record, startedAt: startRequestedAt });
    await this.#clearProcesses(record);
    const { startRequestedAt: _requested, init: _init, monitor: _monitor, ...created } = record;
    return records.put(created);
  }

  /** Leaves no process, no cgroup and no runtime state; files stay. */
  async #clearProcesses(record: ContainerRecord): Promise<void> {
    const { oci, cgroups, exits, records } = this.#options;
    const monitor = record.monitor ?? records.get(record.id)?.monitor;
    await oci.delete(record.id);
    await cgroups.remove(record.cgroupPath);
    if (monitor !== undefined) await this.#outlast(monitor);
    await exits.forget(record.id);
    await Promise.all(
      ["ctl", "winsz", "attach", "init.pid", "conmon.pid"].map((name) =>
        rm(join(records.folderOf(record.id), name), { force: true }),
      ),
    );
  }

  /** A monitor ends with its container; one that does not within a second is killed. */
  async #outlast(monitor: NonNullable<ContainerRecord["monitor"]>): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + 1000;
    while ((await isAlive(monitor)) && clock.monotonic() < deadline) await clock.sleep(5);
    await signalProcess(monitor, "SIGKILL");
  }

  async #hasExited(record: ContainerRecord, deadline: number): Promise<boolean> {
    const { clock, exits } = this.#options;
    const found = new AbortController();
    try {
      const changes = exits.changes(found.signal, 200);
      for (;;) {
        if ((await this.observe(this.#options.records.get(record.id) ?? record)).state !== "running") return true;
        const left = deadline - clock.monotonic();
        if (left <= 0) return false;
        const waited = new AbortController();
        const timer =
          left === Infinity ? new Promise<never>(() => undefined) : clock.sleep(left, waited.signal).catch(() => undefined);
        await Promise.race([changes.next(), timer]);
        waited.abort();
      }
    } finally {
      found.abort();
    }
  }

  /** The monitor's word, else, with monitor and process both gone, that nobody knows. */
  async #findExit(record: ContainerRecord): Promise<ContainerExit | undefined> {
    const { exits } = this.#options;
    if (record.startedAt === undefined || record.init === undefined) return undefined;
    const monitored = record.monitor !== undefined && (await isAlive(record.monitor));
    const file = await exits.read(record.id);
    if (file !== undefined) return this.#recordExit(record, await this.#describeExit(record, file));
    if (monitored) return undefined;
    await signalProcess(record.init, "SIGKILL");
    await this.#options.cgroups.kill(record.cgroupPath);
    const message = "The container's monitor is gone and left no exit code.";
    return this.#recordExit(record, {
      code: killedCode,
      finishedAt: this.#options.clock.now(),
      reason: "ContainerStatusUnknown",
      message,
    });
  }

  async #describeExit(
    record: ContainerRecord,
    { code, finishedAt }: { code: number; finishedAt: number },
  ): Promise<ContainerExit> {
    // Where containers share their processes, what this one began does not end with its first.
    await this.#options.cgroups.kill(record.cgroupPath);
    if (code === 0) return { code, finishedAt, reason: "Completed" };
    const outOfMemory = code === killedCode && (await this.#options.cgroups.oomKills(record.cgroupPath)) > 0;
    return { code, finishedAt, reason: outOfMemory ? "OOMKilled" : "Error" };
  }

  async #recordExit(record: ContainerRecord, exit: ContainerExit): Promise<ContainerExit> {
    if (this.#removing.has(record.id)) return exit;
    const written = await this.#options.records.update(record.id, (current) => ({ ...current, exit: current.exit ?? exit }));
    return written?.exit ?? exit;
  }
}

/** Without the capability nobody's score goes below one's own, as inside a container that is a machine to Skiff. */
async function lowestOomScoreAdj(grantable: readonly string[]): Promise<number> {
  if (grantable.includes("CAP_SYS_RESOURCE")) return -1000;
  return Number(await readFile("/proc/self/oom_score_adj", "utf8"));
}

async function localSeccompProfile({ seccompProfile }: ContainerConfig["security"]): Promise<SeccompProfile | undefined> {
  if (typeof seccompProfile !== "object") return undefined;
  const profile = await readJsonFile<SeccompProfile>(seccompProfile.file);
  if (profile === undefined) throw new Error(`cannot load seccomp profile "${seccompProfile.file}": no such file`);
  return profile;
}

function startError(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("RunContainerError", message, { cause });
}

/** What a record says of its container, `exit` being what was found out since. */
function describe(record: ContainerRecord, exit: ContainerExit | undefined): Container {
  const state = exit !== undefined ? "exited" : record.startedAt === undefined ? "created" : "running";
  const { config } = record;
  return {
    id: record.id,
    sandboxId: record.sandboxId,
    podUid: record.podUid,
    name: config.name,
    attempt: config.attempt,
    image: config.image,
    imageId: config.imageId,
    state,
    createdAt: record.createdAt,
    ...(state === "running" && record.init !== undefined && { pid: record.init.pid }),
    ...(record.startedAt !== undefined && { startedAt: record.startedAt }),
    ...(exit !== undefined && { finishedAt: exit.finishedAt, exitCode: exit.code, reason: exit.reason }),
    ...(exit?.message !== undefined && { message: exit.message }),
  };
}

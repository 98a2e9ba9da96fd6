import type { ImageConfig } from "../images/image-service.ts";
import { containerCapabilities, unknownCapabilities } from "./capabilities.ts";
import type { ContainerConfig, ContainerResources, Mount, SandboxConfig } from "./runtime.ts";
import { RuntimeError } from "./runtime.ts";
import type { SeccompProfile } from "./seccomp.ts";
import { defaultSeccompProfile } from "./seccomp.ts";
import type { ProcessUser } from "./users.ts";

/** All that a container's specification depends on. Reading the machine is done before, running things after. */
export interface BundleInput {
  readonly sandbox: SandboxConfig;
  readonly config: ContainerConfig;
  readonly image: ImageConfig;
  readonly user: ProcessUser;
  readonly rootfs: string;
  readonly cgroupPath: string;
  readonly cgroupVersion: 1 | 2;
  /** Bind-mounted namespace files; absent: the one of whoever starts the container. */
  readonly namespaces: { readonly network?: string; readonly ipc?: string; readonly uts: string; readonly pid?: string };
  /** What `security.seccompProfile` names a file for. */
  readonly seccomp?: SeccompProfile;
  /** Shared by the pod's containers. */
  readonly sharedMemory: string;
  /** The sandbox's own files, for what `config.mounts` does not already give. */
  readonly hostnameFile: string;
  /** Every device of the machine: given to privileged containers only. */
  readonly devices: readonly Device[];
  /** No score below this can be given. */
  readonly lowestOomScoreAdj: number;
  /** Capabilities that can be given at all. */
  readonly grantable: readonly string[];
}

export interface Device {
  readonly path: string;
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The parts of the OCI runtime specification (1.0.2) in use. */
export interface OciSpec {
  readonly ociVersion: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly mounts: readonly OciMount[];
  readonly linux: {
    readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
    readonly cgroupsPath: string;
    readonly resources: OciResources;
    readonly devices: readonly Device[];
    readonly seccomp?: SeccompProfile;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
    readonly rootfsPropagation: "private";
  };
}

export interface OciProcess {
  readonly terminal: boolean;
  readonly user: ProcessUser;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: Readonly<Record<"bounding" | "effective" | "permitted", readonly string[]>>;
  readonly noNewPrivileges: boolean;
  readonly oomScoreAdj?: number;
}

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface OciResources {
  readonly devices?: readonly { readonly allow: boolean; readonly access: string }[];
  readonly memory?: { readonly limit: number; readonly swap: number };
  readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number };
  readonly pids?: { readonly limit: number };
  readonly unified?: Readonly<Record<string, string>>;
}

/** Pure. @throws RuntimeError CreateContainerError, when there is nothing to run or a capability does not exist */
export function buildSpec(input: BundleInput): OciSpec {
  const { config, sandbox } = input;
  const { security, resources } = config;
  const capabilities = checkedCapabilities(config).filter((name) => input.grantable.includes(name));
  const confined = !security.privileged && security.seccompProfile !== "Unconfined";
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: config.tty,
      user: input.user,
      args: processArgs(config, input.image),
      env: processEnv(config, input.image, sandbox.hostname),
      cwd: config.workingDir ?? (input.image.workingDir || "/"),
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: !security.allowPrivilegeEscalation && !security.privileged,
      ...(resources.oomScoreAdj !== undefined && { oomScoreAdj: Math.max(resources.oomScoreAdj, input.lowestOomScoreAdj) }),
    },
    root: { path: input.rootfs, readonly: security.readOnlyRootFilesystem },
    mounts: specMounts(input),
    linux: {
      namespaces: specNamespaces(input),
      cgroupsPath: input.cgroupPath,
      resources: { devices: [{ allow: security.privileged, access: "rwm" }], ...ociResources(resources, input.cgroupVersion) },
      devices: security.privileged ? input.devices : [],
      ...(confined && { seccomp: input.seccomp ?? defaultSeccompProfile(capabilities) }),
      maskedPaths: security.privileged ? [] : maskedPaths,
      readonlyPaths: security.privileged ? [] : readonlyPaths,
      rootfsPropagation: "private",
    },
  };
}

/**
 * As in Kubernetes: `command` stands for the image's entrypoint, `args` for its command; `command` alone drops the image's command.
 * @throws RuntimeError when nothing is left to run
 */
export function processArgs(config: Pick<ContainerConfig, "command" | "args">, image: ImageConfig): readonly string[] {
  const hasCommand = (config.command ?? []).length > 0;
  const command = hasCommand ? (config.command ?? []) : image.entrypoint;
  const hasArgs = (config.args ?? []).length > 0;
  const args = hasArgs ? (config.args ?? []) : hasCommand ? [] : image.command;
  const whole = [...command, ...args];
  if (whole.length === 0) throw new RuntimeError("CreateContainerError", "no command specified");
  return whole;
}

/** The image's, then the pod's; a later one of the same name wins. */
export function processEnv(
  config: Pick<ContainerConfig, "env" | "tty">,
  image: ImageConfig,
  hostname: string,
): readonly string[] {
  const entries = new Map<string, string>([["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]]);
  if (config.tty) entries.set("TERM", "xterm");
  entries.set("HOSTNAME", hostname);
  for (const line of image.env) {
    const equals = line.indexOf("=");
    if (equals > 0) entries.set(line.slice(0, equals), line.slice(equals + 1));
  }
  for (const { name, value } of config.env) entries.set(name, value);
  return [...entries].map(([name, value]) => `${name}=${value}`);
}

export function ociResources(resources: ContainerResources, cgroupVersion: 1 | 2): OciResources {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, pidsLimit } = resources;
  const cpu = {
    ...(cpuShares !== undefined && { shares: cpuShares }),
    ...(cpuQuota !== undefined && { quota: cpuQuota }),
    ...(cpuPeriod !== undefined && { period: cpuPeriod }),
  };
  return {
    ...(Object.keys(cpu).length > 0 && { cpu }),
    // Swap counts memory too: the same number allows none.
    ...(memoryLimitBytes !== undefined && { memory: { limit: memoryLimitBytes, swap: memoryLimitBytes } }),
    ...(pidsLimit !== undefined && { pids: { limit: pidsLimit } }),
    // As upstream's kubelet: a container that runs out of memory dies whole. v1 cannot.
    ...(cgroupVersion === 2 && memoryLimitBytes !== undefined && { unified: { "memory.oom.group": "1" } }),
  };
}

function checkedCapabilities(config: ContainerConfig): readonly string[] {
  const unknown = unknownCapabilities(config.security);
  if (unknown.length > 0) throw new RuntimeError("CreateContainerError", `unknown capability "CAP_${unknown[0] ?? ""}"`);
  return containerCapabilities(config.security);
}

function specNamespaces({ sandbox, namespaces, cgroupVersion, config }: BundleInput): OciSpec["linux"]["namespaces"] {
  return [
    { type: "mount" },
    ...(sandbox.hostPid === true ? [] : [{ type: "pid", ...(namespaces.pid !== undefined && { path: namespaces.pid }) }]),
    ...(namespaces.network === undefined ? [] : [{ type: "network", path: namespaces.network }]),
    ...(namespaces.ipc === undefined ? [] : [{ type: "ipc", path: namespaces.ipc }]),
    { type: "uts", path: namespaces.uts },
    // As containerd: a v2 container sees its own group as the root, unless privileged.
    ...(cgroupVersion === 2 && !config.security.privileged ? [{ type: "cgroup" }] : []),
  ];
}

function specMounts(input: BundleInput): readonly OciMount[] {
  const { config } = input;
  const own: readonly Mount[] = [
    { hostPath: input.hostnameFile, containerPath: "/etc/hostname", readOnly: config.security.readOnlyRootFilesystem },
  ];
  const taken = new Set(config.mounts.map(({ containerPath }) => containerPath.replace(/\/+$/, "")));
  const shm: OciMount = {
    destination: "/dev/shm",
    type: "bind",
    source: input.sharedMemory,
    options: ["rbind", "rprivate", "rw"],
  };
  const binds = [...own.filter(({ containerPath }) => !taken.has(containerPath)), ...config.mounts];
  return [
    ...systemMounts(config.security.privileged),
    ...(taken.has("/dev/shm") ? [] : [shm]),
    ...parentsFirst(binds).map(bindMount),
  ];
}

function bindMount({ hostPath, containerPath, readOnly, recursiveReadOnly }: Mount): OciMount {
  const access = recursiveReadOnly === true ? "rro" : readOnly ? "ro" : "rw";
  return { destination: containerPath, type: "bind", source: hostPath, options: ["rbind", "rprivate", access] };
}

/** A mount below another would be hidden by it. The sort is stable, so that equal depths keep the pod's order. */
function parentsFirst(mounts: readonly Mount[]): readonly Mount[] {
  const depth = ({ containerPath }: Mount) => containerPath.split("/").filter((part) => part !== "").length;
  return mounts.toSorted((a, b) => depth(a) - depth(b));
}

function systemMounts(privileged: boolean): readonly OciMount[] {
  const access = privileged ? "rw" : "ro";
  return [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", access] },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "relatime", access],
    },
  ];
}

/** As containerd's and Docker's defaults. */
const maskedPaths: readonly string[] = (
  "/proc/asound /proc/acpi /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats " +
  "/proc/sched_debug /proc/scsi /sys/firmware /sys/devices/virtual/powercap"
).split(" ");

const readonlyPaths: readonly string[] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

import type { Readable, Writable } from "node:stream";

/**
 * Runs containers on this machine. Cut like the CRI (runtime.v1), so that crun under conmon and a real containerd both fit.
 *
 * - Every call is idempotent: repeating one that was interrupted finishes it, and stopping or removing what is not there succeeds.
 * - `list` is what really runs. The agent trusts it over its own memory, also right after a restart.
 * - Identities carry pod uid, container name and attempt, so that a second attempt is never taken for the first.
 * - The agent owns pod cgroups, volumes and log paths; the runtime owns namespaces, root file systems and processes.
 * - Failures are `RuntimeError`s; nothing here talks to the API server.
 */
export interface ContainerRuntime {
  info(): Promise<RuntimeInfo>;
  /** Namespaces and network of a pod. Running already: answers the sandbox as it is. */
  runPodSandbox(config: SandboxConfig): Promise<Sandbox>;
  /** Stops every container of the sandbox (SIGKILL) and gives its network back. */
  stopPodSandbox(id: string): Promise<void>;
  /** Removes the sandbox, its containers, mounts and namespaces. */
  removePodSandbox(id: string): Promise<void>;
  /** Prepares the root file system and the process; nothing of the image runs yet. @throws RuntimeError ImageNotPresent, CreateContainerError */
  createContainer(sandboxId: string, config: ContainerConfig): Promise<string>;
  /** @throws RuntimeError RunContainerError, with what the runtime said, e.g. that the command does not exist. */
  startContainer(id: string): Promise<void>;
  /** Stop signal (the image's, else SIGTERM), then after `graceMs` SIGKILL. Resolves when the process is gone. */
  stopContainer(id: string, graceMs: number): Promise<void>;
  /** Kills it if need be; removes its root file system. The log stays. */
  removeContainer(id: string): Promise<void>;
  /** Changes the limits of a running container. */
  updateContainer(id: string, resources: ContainerResources): Promise<void>;
  /** To be called after the agent has renamed the log: writing goes on in a new file at the same path. */
  reopenLog(id: string): Promise<void>;
  list(): Promise<{ sandboxes: readonly Sandbox[]; containers: readonly Container[] }>;
  stats(): Promise<readonly ContainerStats[]>;
  /** What a container has written to its root file system and not into its volumes. Gone: 0. */
  writtenBytes(id: string): Promise<number>;
  /** Runs a command to its end and keeps at most 64 KiB of each output; what exceeds `timeoutMs` is killed. */
  exec(id: string, command: readonly string[], options: { timeoutMs: number; signal?: AbortSignal }): Promise<ExecResult>;
  /** Begins a command in a running container. Its streams and its end are the caller's from then on. @throws RuntimeError when it cannot be started */
  openExec(id: string, options: ExecOptions): Promise<ExecProcess>;
  /** Joins the streams of a running container's own process; its end is that of the connection. @throws RuntimeError AttachError */
  attach(id: string): Promise<ExecProcess>;
  /** Yields whenever something may have changed without being asked for (a container exited). Level-triggered: look at `list`. */
  changes(signal: AbortSignal): AsyncIterable<void>;
}

export interface RuntimeInfo {
  /** As in `status.nodeInfo.containerRuntimeVersion`, e.g. `crun://1.8.1`. */
  readonly version: string;
}

export interface SandboxConfig {
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly attempt: number;
  readonly hostname: string;
  /** Share the node's network instead of having one of its own. */
  readonly hostNetwork: boolean;
  /** Its containers see each other's processes: the first is none of theirs and reaps what they leave. */
  readonly shareProcesses?: boolean;
  /** Set in the pod's own namespaces, by their names with dots. */
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Share the machine's processes and System V IPC; absent: its own. */
  readonly hostPid?: boolean;
  readonly hostIpc?: boolean;
  /** Of the pod, made by the agent: a path below each controller's root, e.g. `/skiff/dev/node-1/kubepods/pod1234`. */
  readonly cgroupParent: string;
  /** Container logs go below this folder. */
  readonly logDirectory: string;
}

export interface Sandbox {
  readonly id: string;
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly attempt: number;
  readonly state: "ready" | "notReady";
  /** Wall time, milliseconds. */
  readonly createdAt: number;
  /** Empty for hostNetwork. */
  readonly ip: string;
}

export interface ContainerConfig {
  readonly name: string;
  readonly attempt: number;
  /** The id of an image that is present (`ImageStatus.id`). */
  readonly imageId: string;
  /** As the user wrote it, kept for `list`. */
  readonly image: string;
  /** Instead of the image's entrypoint; absent: the image's. As in Kubernetes, giving it alone also drops the image's arguments. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  /** On top of the image's environment. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  /** Relative to the sandbox's logDirectory, e.g. `web/0.log`. */
  readonly logPath: string;
  readonly resources: ContainerResources;
  readonly security: ContainerSecurity;
  readonly tty: boolean;
  /** The id of a running container of the sandbox whose processes it shares; absent: its own, or the sandbox's. */
  readonly processesOf?: string;
  /** Its process has an input, which who attaches may write to; with `once` it ends when the first of them ends it. */
  readonly stdin?: { readonly once: boolean };
  /** Instead of the image's. */
  readonly stopSignal?: string;
}

export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  /** With everything that is mounted below it. */
  readonly recursiveReadOnly?: boolean;
}

/** All in the kernel's units for cgroup v1; the runtime translates for v2. Absent: no limit. */
export interface ContainerResources {
  readonly cpuShares?: number;
  /** Microseconds of each `cpuPeriod`. */
  readonly cpuQuota?: number;
  readonly cpuPeriod?: number;
  readonly memoryLimitBytes?: number;
  readonly pidsLimit?: number;
  readonly oomScoreAdj?: number;
}

export interface ContainerSecurity {
  /** Absent: the image's user. A name or number is taken from the image's /etc/passwd only for the image's own user. */
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly supplementalGroups?: readonly number[];
  /** The groups that the image's tables name for the user are not added. */
  readonly onlyThoseGroups?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly privileged: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly allowPrivilegeEscalation: boolean;
  /** Without `CAP_`; `ALL` is understood in both. */
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  /** Absent: `RuntimeDefault`. Privileged containers are never confined. */
  readonly seccompProfile?: "RuntimeDefault" | "Unconfined" | { readonly file: string };
}

export interface Container {
  readonly id: string;
  readonly sandboxId: string;
  readonly podUid: string;
  readonly name: string;
  readonly attempt: number;
  readonly image: string;
  readonly imageId: string;
  readonly state: "created" | "running" | "exited" | "unknown";
  readonly pid?: number;
  /** Wall times, milliseconds. */
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly finishedAt?: number;
  readonly exitCode?: number;
  /** `OOMKilled`, `Error`, `Completed`, or `ContainerStatusUnknown` (with exit code 137) of an exited one. */
  readonly reason?: string;
  readonly message?: string;
}

export interface ContainerStats {
  readonly id: string;
  /** Nanoseconds of CPU used since the start. */
  readonly cpuNanoseconds: number;
  readonly workingSetBytes: number;
}

export interface ExecResult {
  /** Absent when it was killed for lack of time. */
  readonly exitCode?: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  readonly command: readonly string[];
  /** Absent: its input is empty. */
  readonly stdin: boolean;
  /** It gets a terminal, and both outputs are one. */
  readonly tty: boolean;
  /** Gives up a command that has not begun yet; later it does nothing. */
  readonly signal?: AbortSignal;
}

/** A command that runs beside a container's own. Reading no output holds it up; nothing of it is kept in between. */
export interface ExecProcess {
  /** Ending it ends the command's input, unless that is a terminal. */
  readonly stdin?: Writable;
  /** Ends when whatever the command began has closed it, too. */
  readonly stdout: Readable;
  /** Absent with a terminal. */
  readonly stderr?: Readable;
  /** The exit code; as shells have it, 128 and the number of the signal that ended it. Never rejects. */
  readonly exit: Promise<number>;
  /** Without a terminal: nothing happens. */
  resize(size: TerminalSize): void;
  /** Ends it at once, with everything of its session, and closes its streams. Resolves when it is gone. */
  kill(): Promise<void>;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The `reason`s are what kubectl shows of a waiting container. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly reason:
    | "ImageNotPresent"
    | "CreateContainerError"
    | "RunContainerError"
    | "CreateContainerConfigError"
    | "CreatePodSandboxError"
    | "ExecError"
    | "AttachError"
    | "RuntimeUnavailable";

  constructor(reason: RuntimeError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Gives pods their network. Both calls are idempotent; an address is the pod's until it is released. */
export interface PodNetwork {
  /** Wires the network namespace at `namespacePath` to the node. @returns the pod's address. */
  attach(podUid: string, namespacePath: string): Promise<{ ip: string }>;
  detach(podUid: string, namespacePath: string): Promise<void>;
}

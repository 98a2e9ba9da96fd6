import { mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AgentDirectories, AgentParts } from "./agent-parts.ts";
import { type MountedVolume, subPathOf } from "./container-config.ts";
import type { PodFacts } from "./downward-api.ts";
import { hostsFile, kernelHostname, resolvConf, writeIfChanged } from "./pod-files.ts";
import { type ContainerSpec, specOf, type StoredPod } from "./pod-spec.ts";
import { podCgroup, podResources } from "./resources.ts";
import { type Mount, RuntimeError, type SandboxConfig } from "./runtime/runtime.ts";

/** What lies around the containers of one pod on this machine: cgroup, folders, volumes, the files of /etc. */
export class PodEnvironment {
  readonly #parts: AgentParts;
  #volumes: ReadonlyMap<string, MountedVolume> = new Map();

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  get volumes(): ReadonlyMap<string, MountedVolume> {
    return this.#volumes;
  }

  podDirectory({ metadata }: StoredPod): string {
    return join(this.#parts.directories.pods, metadata.uid);
  }

  /** Of the profiles that pods name by `localhostProfile`: beside the folder of the pods, as below the kubelet's root. */
  get seccompDirectory(): string {
    return join(dirname(this.#parts.directories.pods), "seccomp");
  }

  logDirectory(pod: StoredPod): string {
    return podLogDirectory(this.#parts.directories, pod);
  }

  facts(pod: StoredPod, podIP: string): PodFacts {
    const { nodeAddress, machine } = this.#parts;
    const allocatable = {
      cpu: `${machine.cpus}`,
      memory: `${machine.memoryBytes}`,
      "ephemeral-storage": `${machine.storageBytes}`,
    };
    return { pod, podIP, hostIP: nodeAddress, allocatable };
  }

  /** Also renews volumes whose ConfigMap or Secret has changed, and has it said when that is so. @throws VolumeError */
  async setUp(pod: StoredPod, podIP: string, volumesChanged: () => void): Promise<void> {
    const { cgroups, cgroupRoot, podPidsLimit, volumes } = this.#parts;
    await cgroups.ensure(podCgroup(cgroupRoot, pod), {
      ...podResources(pod),
      ...(podPidsLimit !== undefined && { pidsLimit: podPidsLimit }),
    });
    mkdirSync(this.podDirectory(pod), { recursive: true, mode: 0o750 });
    mkdirSync(this.logDirectory(pod), { recursive: true });
    this.#volumes = await volumes.setUp(this.facts(pod, podIP), this.podDirectory(pod), volumesChanged);
  }

  async tearDown(pod: StoredPod): Promise<void> {
    const { cgroups, cgroupRoot, volumes, tokens } = this.#parts;
    await volumes.tearDown(this.podDirectory(pod), pod.metadata.uid);
    tokens.forget(pod.metadata.uid);
    // Of an orphan the class is not known.
    const classes = pod.status?.qosClass === undefined ? ["Guaranteed", "Burstable", "BestEffort"] : [pod.status.qosClass];
    for (const qosClass of classes) await cgroups.remove(podCgroup(cgroupRoot, { ...pod, status: { qosClass } }));
    this.#volumes = new Map();
  }

  /** What is left when the pod itself is gone. */
  async remove(pod: StoredPod): Promise<void> {
    await rm(this.podDirectory(pod), { recursive: true, force: true });
    await rm(this.logDirectory(pod), { recursive: true, force: true });
  }

  sandboxConfig(pod: StoredPod, attempt: number): SandboxConfig {
    const { cgroupRoot } = this.#parts;
    const { hostNetwork = false, hostPID = false, hostIPC = false, shareProcessNamespace = false, securityContext } = specOf(pod);
    const sysctls = (securityContext?.sysctls ?? []).map(({ name, value }) => [name.replaceAll("/", "."), value]);
    return {
      podUid: pod.metadata.uid,
      podNamespace: pod.metadata.namespace ?? "",
      podName: pod.metadata.name,
      attempt,
      hostname: this.#hostname(pod),
      hostNetwork,
      ...(shareProcessNamespace && !hostPID && { shareProcesses: true }),
      ...(sysctls.length > 0 && { sysctls: Object.fromEntries(sysctls) as Record<string, string> }),
      ...(hostPID && { hostPid: true }),
      ...(hostIPC && { hostIpc: true }),
      cgroupParent: podCgroup(cgroupRoot, pod),
      logDirectory: this.logDirectory(pod),
    };
  }

  #hostname(pod: StoredPod): string {
    const { nodeName, dns } = this.#parts;
    return specOf(pod).hostNetwork === true ? nodeName : kernelHostname(pod, dns.clusterDomain);
  }

  /** Writes the files that every container of the pod sees below /etc, and its termination log. */
  async ownMounts(pod: StoredPod, container: ContainerSpec, attempt: number, podIP: string): Promise<readonly Mount[]> {
    const { dns, nodeName } = this.#parts;
    const folder = this.podDirectory(pod);
    const nodeHosts = `127.0.0.1\tlocalhost\n::1\tlocalhost\n${this.#parts.nodeAddress}\t${nodeName}\n`;
    await writeIfChanged(join(folder, "etc-hosts"), hostsFile(pod, podIP, nodeHosts, dns.clusterDomain));
    await writeIfChanged(join(folder, "hostname"), `${this.#hostname(pod)}\n`);
    await writeIfChanged(join(folder, "resolv.conf"), resolvConf(pod, dns));
    const terminationLog = this.terminationLog(pod, container.name, attempt);
    mkdirSync(dirname(terminationLog), { recursive: true });
    writeFileSync(terminationLog, "", { mode: 0o666 });
    const readOnly = container.securityContext?.readOnlyRootFilesystem ?? false;
    return [
      { hostPath: join(folder, "etc-hosts"), containerPath: "/etc/hosts", readOnly },
      { hostPath: join(folder, "hostname"), containerPath: "/etc/hostname", readOnly },
      { hostPath: join(folder, "resolv.conf"), containerPath: "/etc/resolv.conf", readOnly },
      { hostPath: terminationLog, containerPath: container.terminationMessagePath ?? "/dev/termination-log", readOnly: false },
    ];
  }

  /** @throws RuntimeError CreateContainerConfigError */
  async subPaths(
    pod: StoredPod,
    container: ContainerSpec,
    env: ReadonlyMap<string, string>,
  ): Promise<ReadonlyMap<number, string>> {
    const bound = new Map<number, string>();
    for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
      const subPath = subPathOf(mount, env);
      const hostPath = this.#volumes.get(mount.name)?.hostPath;
      if (subPath === "" || hostPath === undefined) continue;
      const part = { volume: mount.name, hostPath, subPath, container: container.name, index };
      try {
        bound.set(index, await this.#parts.volumes.bindSubPath(part, this.podDirectory(pod)));
      } catch (error) {
        this.#parts.log.warn("a subPath could not be prepared", { pod: pod.metadata.name, container: container.name, error });
        const message = `failed to prepare subPath for volumeMount "${mount.name}" of container "${container.name}"`;
        throw new RuntimeError("CreateContainerConfigError", message, { cause: error });
      }
    }
    return bound;
  }

  terminationLog(pod: StoredPod, container: string, attempt: number): string {
    return join(this.podDirectory(pod), "containers", container, `${attempt}`);
  }

  logFile(pod: StoredPod, container: string, attempt: number): string {
    return containerLogFile(this.#parts.directories, pod, container, attempt);
  }
}

/** `NAMESPACE_NAME_UID`, as below /var/log/pods. */
function podLogDirectory({ logs }: AgentDirectories, { metadata }: StoredPod): string {
  return join(logs, `${metadata.namespace ?? ""}_${metadata.name}_${metadata.uid}`);
}

export function containerLogFile(directories: AgentDirectories, pod: StoredPod, container: string, attempt: number): string {
  return join(podLogDirectory(directories, pod), container, `${attempt}.log`);
}

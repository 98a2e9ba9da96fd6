import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AgentDirectories, AgentParts } from "./agent-parts.ts";
import { type MountedVolume } from "./container-config.ts";
import type { PodFacts } from "./downward-api.ts";
import { hostnameOf, hostsFile, resolvConf, writeIfChanged } from "./pod-files.ts";
import { type ContainerSpec, specOf, type StoredPod } from "./pod-spec.ts";
import { podCgroup, podResources } from "./resources.ts";
import type { Mount, SandboxConfig } from "./runtime/runtime.ts";

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
    const { cgroups, cgroupRoot, volumes } = this.#parts;
    await cgroups.ensure(podCgroup(cgroupRoot, pod), podResources(pod));
    await mkdir(this.podDirectory(pod), { recursive: true, mode: 0o750 });
    await mkdir(this.logDirectory(pod), { recursive: true });
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
    const { nodeName, cgroupRoot } = this.#parts;
    const { hostNetwork = false, hostPID = false, hostIPC = false } = specOf(pod);
    return {
      podUid: pod.metadata.uid,
      podNamespace: pod.metadata.namespace ?? "",
      podName: pod.metadata.name,
      attempt,
      hostname: hostNetwork ? nodeName : hostnameOf(pod),
      hostNetwork,
      ...(hostPID && { hostPid: true }),
      ...(hostIPC && { hostIpc: true }),
      cgroupParent: podCgroup(cgroupRoot, pod),
      logDirectory: this.logDirectory(pod),
    };
  }

  /** Writes the files that every container of the pod sees below /etc, and its termination log. */
  async ownMounts(pod: StoredPod, container: ContainerSpec, attempt: number, podIP: string): Promise<readonly Mount[]> {
    const { dns, nodeName } = this.#parts;
    const folder = this.podDirectory(pod);
    const hostname = specOf(pod).hostNetwork === true ? nodeName : hostnameOf(pod);
    const nodeHosts = `127.0.0.1\tlocalhost\n::1\tlocalhost\n${this.#parts.nodeAddress}\t${nodeName}\n`;
    await writeIfChanged(join(folder, "etc-hosts"), hostsFile(pod, podIP, nodeHosts, dns.clusterDomain));
    await writeIfChanged(join(folder, "hostname"), `${hostname}\n`);
    await writeIfChanged(join(folder, "resolv.conf"), resolvConf(pod, dns));
    const terminationLog = this.terminationLog(pod, container.name, attempt);
    await mkdir(join(terminationLog, ".."), { recursive: true });
    await writeFile(terminationLog, "", { mode: 0o666 });
    const readOnly = container.securityContext?.readOnlyRootFilesystem ?? false;
    return [
      { hostPath: join(folder, "etc-hosts"), containerPath: "/etc/hosts", readOnly },
      { hostPath: join(folder, "hostname"), containerPath: "/etc/hostname", readOnly },
      { hostPath: join(folder, "resolv.conf"), containerPath: "/etc/resolv.conf", readOnly },
      { hostPath: terminationLog, containerPath: container.terminationMessagePath ?? "/dev/termination-log", readOnly: false },
    ];
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

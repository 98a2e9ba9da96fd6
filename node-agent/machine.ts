import { readFile, statfs } from "node:fs/promises";
import { arch, availableParallelism, release, totalmem } from "node:os";
import type { NodeSystemInfo } from "#api/generated/types";

/** What a node says of the machine that it is on. */
export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  readonly system: Omit<NodeSystemInfo, "containerRuntimeVersion" | "kubeletVersion" | "kubeProxyVersion">;
}

export interface MachineUse {
  readonly availableMemoryBytes: number;
  readonly freeStorageFraction: number;
  readonly freePids: number;
}

export async function readMachine(stateDirectory: string): Promise<Machine> {
  const storage = await statfs(stateDirectory);
  const osRelease = await text("/etc/os-release");
  const machineId = await text("/etc/machine-id");
  return {
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    storageBytes: storage.blocks * storage.bsize,
    system: {
      machineID: machineId,
      systemUUID: (await text("/sys/class/dmi/id/product_uuid")) || machineId,
      bootID: await text("/proc/sys/kernel/random/boot_id"),
      kernelVersion: release(),
      osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? "Linux",
      operatingSystem: "linux",
      architecture: goArchitecture(),
    },
  };
}

export async function readMachineUse(stateDirectory: string): Promise<MachineUse> {
  const storage = await statfs(stateDirectory);
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(await text("/proc/meminfo"))?.[1];
  const limit = Number(await text("/proc/sys/kernel/pid_max"));
  const running = /\/(\d+)/.exec(await text("/proc/loadavg"))?.[1];
  return {
    availableMemoryBytes: Number(available ?? 0) * 1024,
    freeStorageFraction: storage.bavail / storage.blocks,
    freePids: limit - Number(running ?? 0),
  };
}

function goArchitecture(): string {
  const names: Partial<Record<string, string>> = { x64: "amd64", ia32: "386" };
  return names[arch()] ?? arch();
}

async function text(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(() => "")).trim();
}

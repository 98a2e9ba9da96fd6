import type { StatsFs } from "node:fs";
import { readFile, statfs } from "node:fs/promises";
import { arch, availableParallelism, release, totalmem } from "node:os";
import type { NodeSystemInfo } from "#api/generated/types";
import type { Observation, Signal } from "./eviction/thresholds.ts";

/** What a node says of the machine that it is on. */
export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  readonly system: Omit<NodeSystemInfo, "containerRuntimeVersion" | "kubeletVersion" | "kubeProxyVersion">;
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

/** How much there is and how much is left. Without a folder for images nothing is said of their disk. */
export async function observeMachine(stateDirectory: string, imageDirectory?: string): Promise<ReadonlyMap<Signal, Observation>> {
  const storage = await statfs(stateDirectory);
  const images = imageDirectory === undefined ? undefined : await statfs(imageDirectory);
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(await text("/proc/meminfo"))?.[1];
  const pids = Number(await text("/proc/sys/kernel/pid_max"));
  const running = /\/(\d+)/.exec(await text("/proc/loadavg"))?.[1];
  const bytes = ({ bavail, blocks, bsize }: StatsFs): Observation => ({ available: bavail * bsize, capacity: blocks * bsize });
  return new Map<Signal, Observation>([
    ["memory.available", { available: Number(available ?? 0) * 1024, capacity: totalmem() }],
    ["nodefs.available", bytes(storage)],
    ["nodefs.inodesFree", { available: storage.ffree, capacity: storage.files }],
    ...(images === undefined ? [] : [["imagefs.available", bytes(images)] as const]),
    ["pid.available", { available: pids - Number(running ?? 0), capacity: pids }],
  ]);
}

function goArchitecture(): string {
  const names: Partial<Record<string, string>> = { x64: "amd64", ia32: "386" };
  return names[arch()] ?? arch();
}

async function text(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(() => "")).trim();
}

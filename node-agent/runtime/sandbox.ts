import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { hasPause, startPause, stopPause } from "./pause.ts";
import type { SandboxConfig } from "./runtime.ts";
import { mount, mountFlags, unmount } from "./syscalls.ts";
import { inNewNamespaces, ownNamespace } from "./thread-namespaces.ts";

const namespaceMagic = 0x6e736673;
const tmpfsMagic = 0x01021994;

/** Where a sandbox's namespaces are bound, all below one folder. They hold without any process. */
export interface SandboxPaths {
  readonly folder: string;
  readonly network?: string;
  readonly ipc?: string;
  readonly uts: string;
  /** Only where containers share their processes: others have a namespace each. */
  readonly pid?: string;
  readonly sharedMemory: string;
  readonly hostnameFile: string;
}

export function sandboxPaths(runDirectory: string, id: string, config: SandboxConfig): SandboxPaths {
  const folder = join(runDirectory, "sandboxes", id);
  return {
    folder,
    ...(!config.hostNetwork && { network: join(folder, "net") }),
    ...(config.hostIpc !== true && { ipc: join(folder, "ipc") }),
    uts: join(folder, "uts"),
    ...(config.shareProcesses === true && { pid: join(folder, "pid") }),
    sharedMemory: config.hostIpc === true ? "/dev/shm" : join(folder, "shm"),
    hostnameFile: join(folder, "hostname"),
  };
}

/**
 * Makes what is missing of it, from nothing or from what a crash left. Where there must be a process, `enter` puts it where the
 * pod's processes belong.
 */
export async function makeNamespaces(
  paths: SandboxPaths,
  config: SandboxConfig,
  enter: (pid: number) => Promise<void>,
): Promise<void> {
  await removeNamespaces(paths);
  mkdirSync(paths.folder, { recursive: true, mode: 0o711 });
  const files = [paths.network, paths.ipc, paths.uts, paths.pid].filter((path) => path !== undefined);
  for (const path of files) writeFileSync(path, "");
  writeFileSync(paths.hostnameFile, `${config.hostname}\n`, { mode: 0o644 });
  const bound = { net: paths.network, ipc: paths.ipc, uts: paths.uts };
  const kinds = (["net", "ipc", "uts"] as const).filter((kind) => bound[kind] !== undefined);
  inNewNamespaces(kinds, () => {
    setKernel(config);
    for (const kind of kinds) mount(ownNamespace(kind), bound[kind] ?? "", null, mountFlags.bind, null);
  });
  if (paths.pid !== undefined) await startPause(paths.folder, paths.pid, enter);
  if (config.hostIpc === true) return;
  mkdirSync(paths.sharedMemory, { recursive: true });
  const flags = mountFlags.noSuid | mountFlags.noDev | mountFlags.noExec;
  mount("shm", paths.sharedMemory, "tmpfs", flags, "mode=1777,size=65536k");
}

export async function removeNamespaces(paths: SandboxPaths): Promise<void> {
  if (!existsSync(paths.folder)) return;
  await stopPause(paths.folder);
  for (const name of ["net", "ipc", "uts", "pid", "shm"]) unmount(join(paths.folder, name));
  await rm(paths.folder, { recursive: true, force: true });
}

/** Gives the namespaces up and keeps the folder. */
export async function unbindNamespaces(paths: SandboxPaths): Promise<void> {
  await stopPause(paths.folder);
  for (const name of ["net", "ipc", "uts", "pid"]) unmount(join(paths.folder, name));
}

/** Not after a reboot of the machine, nor once given up. */
export async function areNamespacesBound(paths: SandboxPaths): Promise<boolean> {
  const files = [paths.network, paths.ipc, paths.uts].filter((path) => path !== undefined);
  const bound = await Promise.all(files.map((path) => hasFilesystem(path, namespaceMagic)));
  const shared = paths.sharedMemory === "/dev/shm" || (await hasFilesystem(paths.sharedMemory, tmpfsMagic));
  return bound.every(Boolean) && shared && (paths.pid === undefined || (await hasPause(paths.folder)));
}

/** As containerd: low ports and ping need no privilege inside a pod's own network. What the pod asks for comes last. */
function setKernel({ hostname, hostNetwork, sysctls = {} }: SandboxConfig): void {
  const network = { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" };
  const settings = { "kernel.hostname": hostname, ...(!hostNetwork && network), ...sysctls };
  for (const [name, value] of Object.entries(settings)) writeFileSync(join("/proc/sys", name.replaceAll(".", "/")), value);
}

async function hasFilesystem(path: string, magic: number): Promise<boolean> {
  const statistics = await statfs(path).catch(() => undefined);
  return statistics?.type === magic;
}

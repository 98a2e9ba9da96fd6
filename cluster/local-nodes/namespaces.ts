import { mkdir, rm, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runChecked } from "#node-agent/runtime/run-command";
import { mount, mountFlags, unmount } from "#node-agent/runtime/syscalls";

const namespaceMagic = 0x6e736673;

/** The two namespaces a node consists of, each bound to a file, so that they live without a process. */
export interface NodeNamespaces {
  readonly network: string;
  readonly mount: string;
}

export function nodeNamespaces(folder: string, node: string): NodeNamespaces {
  return { network: join(folder, node, "net"), mount: join(folder, node, "mnt") };
}

/** A mount namespace can only be bound where mounts do not spread: the folder is mounted on itself, privately. */
export async function ensurePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [own, parent] = await Promise.all([mountIdOf(folder), mountIdOf(dirname(folder))]);
  if (own === parent) mount(folder, folder, null, mountFlags.bind, null);
  mount("none", folder, null, mountFlags.private, null);
}

export async function removePrivateFolder(folder: string): Promise<void> {
  unmount(folder);
  await rm(folder, { recursive: true, force: true });
}

export async function ensureNamespaces({ network, mount: mountFile }: NodeNamespaces): Promise<void> {
  await mkdir(dirname(network), { recursive: true, mode: 0o700 });
  if (!(await isBound(network))) {
    await writeFile(network, "");
    await runChecked(["unshare", `--net=${network}`, "true"]);
  }
  if (!(await isBound(mountFile))) {
    await writeFile(mountFile, "");
    await runChecked(["unshare", `--mount=${mountFile}`, "--propagation", "private", "sh", "-c", prepareMounts]);
  }
}

export async function removeNamespaces({ network, mount: mountFile }: NodeNamespaces): Promise<void> {
  unmount(mountFile);
  unmount(network);
  await rm(dirname(network), { recursive: true, force: true });
}

export async function isBound(file: string): Promise<boolean> {
  return (await statfs(file).catch(() => undefined))?.type === namespaceMagic;
}

/** Before a node's own command. Its working directory is the node's root, not the caller's. */
export function enterNode({ network, mount: mountFile }: NodeNamespaces): readonly string[] {
  return ["nsenter", `--net=${network}`, `--mount=${mountFile}`, "--wdns=/"];
}

/**
 * Copies of other nodes' namespaces would keep those alive after their removal. crun refuses a v2 tree beside v1; what it then
 * writes at the tree's place goes to a memory file system that ends with the node.
 */
const prepareMounts = `
set -e
while read -r _ _ _ _ target rest; do
  case "$rest" in *" - nsfs "*) umount -l "$target" ;; esac
done < /proc/self/mountinfo
if mountpoint -q /sys/fs/cgroup/unified && [ -d /sys/fs/cgroup/memory ]; then
  umount /sys/fs/cgroup/unified
  mount -t tmpfs -o size=16m none /sys/fs/cgroup/unified
fi
`;

async function mountIdOf(folder: string): Promise<string> {
  return (await runChecked(["findmnt", "--noheadings", "--output", "ID", "--target", folder])).trim();
}

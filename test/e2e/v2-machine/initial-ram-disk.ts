import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "#base/package-root";
import { succeed } from "../run.ts";
import type { Kernel } from "./kernel.ts";

/** What it takes to reach the host's files, each after what it needs. */
const modules = [
  ...["virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_legacy_dev", "virtio/virtio_pci_modern_dev"].map(driver),
  driver("virtio/virtio_pci"),
  ...["net/9p/9pnet", "net/9p/9pnet_virtio", "fs/netfs/netfs", "fs/fscache/fscache", "fs/9p/9p", "fs/overlayfs/overlay"],
];

/** A static busybox, those modules and boot.sh. @returns the file to boot with */
export async function buildInitialRamDisk(folder: string, kernel: Kernel): Promise<string> {
  const [tree, file] = [join(folder, "initial"), join(folder, "initial.cpio")];
  await mkdir(join(tree, "bin"), { recursive: true });
  await mkdir(join(tree, "modules"));
  const busybox = (await succeed(["sh", "-c", "command -v busybox"])).trim();
  await copyFile(busybox, join(tree, "bin/busybox"));
  await copyFile(join(packageRoot, "test/e2e/v2-machine/boot.sh"), join(tree, "init"));
  await chmod(join(tree, "init"), 0o755);
  for (const path of modules)
    await copyFile(join(kernel.modules, kernel.version, "kernel", `${path}.ko`), join(tree, "modules", `${nameOf(path)}.ko`));
  await writeFile(join(tree, "modules/order"), modules.map((path) => `${nameOf(path)}\n`).join(""));
  await succeed(["sh", "-c", `find . | busybox cpio -o -H newc > ${file}`], { cwd: tree });
  return file;
}

function driver(path: string): string {
  return `drivers/${path}`;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

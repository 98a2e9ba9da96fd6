import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Device } from "./bundle.ts";
import { deviceOf } from "./syscalls.ts";

/** Made anew in each container, or of no use in one. */
const excluded = new Set(["pts", "shm", "fd", "mqueue", "console", "hugepages", "ptmx"]);

/** Every device node of the machine, as a privileged container gets them. */
export async function machineDevices(folder = "/dev"): Promise<readonly Device[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = entries
    .filter((entry) => !excluded.has(entry.name))
    .map(async (entry): Promise<readonly Device[]> => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return machineDevices(path);
      if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
      const status = await lstat(path).catch(() => undefined);
      if (status === undefined) return [];
      const { major, minor } = deviceOf(status.rdev);
      const type = entry.isCharacterDevice() ? "c" : "b";
      return [{ path, type, major, minor, fileMode: status.mode & 0o7777, uid: status.uid, gid: status.gid }];
    });
  return (await Promise.all(found)).flat();
}

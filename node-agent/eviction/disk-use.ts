import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

const statsAtOnce = 32;

/** What a folder and everything below it occupy, in bytes of whole blocks as `du` counts them. What vanishes meanwhile counts nothing. */
export async function bytesBelow(folder: string): Promise<number> {
  const counted = new Set<number>();
  const pending = [folder];
  let bytes = 0;
  const visit = async (path: string): Promise<void> => {
    const status = await lstat(path).catch(() => undefined);
    if (status === undefined || (status.nlink > 1 && !status.isDirectory() && counted.has(status.ino))) return;
    counted.add(status.ino);
    bytes += status.blocks * 512;
    if (!status.isDirectory()) return;
    pending.push(...(await readdir(path).catch(() => [])).map((name) => join(path, name)));
  };
  while (pending.length > 0) await Promise.all(pending.splice(-statsAtOnce).map(visit));
  return bytes;
}

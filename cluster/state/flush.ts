import { open } from "node:fs/promises";

/** Puts a file or a folder on the disk. A file that is flushed is still lost with its name, which is its folder's. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.sync().finally(() => handle.close());
}

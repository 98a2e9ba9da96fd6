import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { flush } from "./flush.ts";

/** Whole or not at all, and 0600 from its first byte. A power cut may take it. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** The same for what nothing could replace: it is on the disk when this resolves, and so are the names of the folders made for it. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const created = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(`${path}.new`, text, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  const top = dirname(created ?? path);
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    await flush(folder);
    if (folder === top) return;
  }
}

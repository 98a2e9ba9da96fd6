import { writeFileSync } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";

/**
 * Replaces the file whole: a reader, also one after a crash of this program, sees the old content or the new. One writer a file at
 * a time. `durable`: it also outlives a crash of the machine, for the price of a flush.
 */
export async function writeJsonFile(path: string, value: unknown, { durable = false } = {}): Promise<void> {
  const partial = `${path}.partial`;
  if (!durable) {
    // Into the page cache: three turns of another thread would take longer. Replacing a file may wait for a disk (ext4).
    writeFileSync(partial, JSON.stringify(value), { mode: 0o600 });
    await rename(partial, path);
    return;
  }
  const file = await open(partial, "w", 0o600);
  try {
    await file.writeFile(JSON.stringify(value));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
}

/** @returns undefined when there is none. @throws SyntaxError naming the file when it is damaged */
export async function readJsonFile<T>(path: string): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new SyntaxError(`${path} is damaged: ${(error as Error).message}`, { cause: error });
  }
}

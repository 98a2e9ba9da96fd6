import { createReadStream, existsSync } from "node:fs";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { checkSnapshot, type SnapshotStatus } from "#apiserver/storage/snapshot/read-snapshot";
import { hasStorageReason } from "#apiserver/storage/storage";
import { CommandFailure } from "../failure.ts";
import { flush } from "../state/flush.ts";

/** @throws CommandFailure */
export function refuseExisting(file: string, force: boolean): void {
  if (!force && existsSync(file)) throw new CommandFailure(`${file} is there already: choose another name, or --force`);
}

/**
 * Whole, checked and on the disk under its name, or not there at all. Nobody else may read it, because it holds Secrets.
 * @throws CommandFailure when what came is no whole snapshot
 */
export async function writeSnapshotFile(
  file: string,
  bytes: AsyncIterable<Uint8Array>,
  { force, progress }: { readonly force: boolean; readonly progress: (written: number) => void },
): Promise<SnapshotStatus> {
  refuseExisting(file, force);
  const part = `${file}.part`;
  await rm(part, { force: true });
  const handle = await naming(file, open(part, "wx", 0o600));
  try {
    try {
      let written = 0;
      for await (const chunk of bytes) {
        await handle.writeFile(chunk);
        written += chunk.length;
        progress(written);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    const status = await checkSnapshotFile(part);
    await publish(part, file, force);
    return status;
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Reads all of it. @throws CommandFailure that names the file and what is wrong with it */
export function checkSnapshotFile(file: string): Promise<SnapshotStatus> {
  return naming(file, checkSnapshot(snapshotBytes(file)));
}

export function snapshotBytes(file: string): AsyncIterable<Uint8Array> {
  return createReadStream(file, { highWaterMark: 1024 * 1024 });
}

async function naming<T>(file: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (hasStorageReason(error, "Corrupt")) throw new CommandFailure(`${file}: ${error.message}`, { cause: error });
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && !existsSync(dirname(file)))
      throw new CommandFailure(`there is no folder ${dirname(file)}`, { cause: error });
    if (code === "ENOENT") throw new CommandFailure(`there is no file ${file}`, { cause: error });
    if (code === "EISDIR" || code === "ENOTDIR") throw new CommandFailure(`${file} is no file`, { cause: error });
    throw error;
  }
}

/** Of two that save to one name without force, one is told. */
async function publish(part: string, file: string, force: boolean): Promise<void> {
  if (force) await rename(part, file);
  else {
    await link(part, file).catch((error: unknown) => {
      refuseExisting(file, false);
      throw error;
    });
    await rm(part);
  }
  await flush(dirname(file));
}

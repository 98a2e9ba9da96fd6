import { existsSync } from "node:fs";
import { hasStorageReason, type Revision } from "../storage.ts";
import { lockDirectory } from "./process-lock.ts";
import { Tables } from "./tables.ts";

/** What the store in a folder has come to; undefined when none is there, or none that can be read. @throws StorageError Locked */
export async function revisionOfStoreIn(directory: string): Promise<Revision | undefined> {
  if (!existsSync(directory)) return undefined;
  return withTables(directory, (tables) => tables.revision).catch((error: unknown) => {
    if (hasStorageReason(error, "Corrupt")) return undefined;
    throw error;
  });
}

/** Makes an empty store whose revisions begin behind this one. */
export async function makeStoreIn(directory: string, behind: Revision): Promise<void> {
  await withTables(directory, (tables) => tables.beginBehind(behind));
}

async function withTables<T>(directory: string, work: (tables: Tables) => T): Promise<T> {
  const lock = existsSync(directory) ? lockDirectory(directory) : undefined;
  try {
    const tables = new Tables(directory);
    try {
      return work(tables);
    } finally {
      await tables.close();
    }
  } finally {
    lock?.release();
  }
}

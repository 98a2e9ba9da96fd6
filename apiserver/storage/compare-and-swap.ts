import { StorageError, type Revision } from "./storage.ts";

/** The condition of a put. `actual` is absent when the key is. @throws StorageError AlreadyExists, Conflict */
export function checkExpected(key: string, actual: Revision | undefined, expected: Revision): void {
  if ((actual ?? 0) === expected) return;
  if (expected === 0) throw new StorageError("AlreadyExists", `${key} already exists`);
  throw new StorageError("Conflict", actual === undefined ? `${key} is gone` : `${key} is not at revision ${expected}`);
}

/** The condition of a delete. @throws StorageError Conflict */
export function checkDeletable(key: string, actual: Revision | undefined, expected: Revision): void {
  if (actual === undefined) throw new StorageError("Conflict", `${key} is gone`);
  if (actual !== expected) throw new StorageError("Conflict", `${key} is not at revision ${expected}`);
}

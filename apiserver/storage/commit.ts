import type { Change, Revision, WatchBatch } from "./storage.ts";

/** All that happened at one revision. */
export interface Commit {
  readonly revision: Revision;
  readonly changes: readonly Change[];
}

/** An empty store is not at 0, because clients read "0" as "any version will do". The first write is 2, as in etcd. */
export const emptyStoreRevision: Revision = 1;

/** The commit as a watcher of `prefix` sees it: one batch, or none. */
export function* matching(commit: Commit, prefix: string): Generator<WatchBatch> {
  const changes = commit.changes.filter(({ key }) => key.startsWith(prefix));
  if (changes.length > 0) yield { revision: commit.revision, changes };
}

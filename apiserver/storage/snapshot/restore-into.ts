import { compareKeys } from "../ordered-map.ts";
import { hasStorageReason, type Dump, type DumpedEntry, type Revision, type Storage } from "../storage.ts";

/** While this key is there a restore has begun and not come to its end: what is stored is neither the old nor the new. */
export const unfinishedRestoreKey = "/registry/unfinished-restore";

const everything = "/registry/";
const atOnce = 256;

type Step =
  | { readonly type: "put"; readonly entry: DumpedEntry; readonly expected: Revision }
  | { readonly type: "delete"; readonly key: string; readonly revision: Revision };

/**
 * Makes a store hold what a snapshot holds, and nothing else. Objects get new revisions, beyond the store's own and the snapshot's,
 * and everything before that counts as compacted: a client that saw a later future lists anew and never meets a version twice.
 * Interrupted, it leaves `unfinishedRestoreKey`, and may be begun again with any snapshot.
 */
export async function restoreInto(
  storage: Storage,
  snapshot: Dump,
  progress: (done: number, of: number) => void = () => undefined,
): Promise<void> {
  await replace(storage, unfinishedRestoreKey, Buffer.from(String(snapshot.revision)));
  await raise(storage, snapshot.revision);
  const { pages } = await storage.dump(everything);
  let done = 0;
  let waiting: Promise<unknown>[] = [];
  for await (const step of differences(entriesOf(pages), entriesOf(snapshot.pages))) {
    waiting.push(take(storage, step));
    if (step.type === "put") done++;
    if (waiting.length < atOnce) continue;
    await Promise.all(waiting);
    waiting = [];
    progress(done, snapshot.count);
  }
  await Promise.all(waiting);
  const marker = await storage.get(unfinishedRestoreKey);
  if (marker !== undefined) await storage.delete(marker.key, marker.revision);
  await storage.compact(await storage.revision());
}

/** What leads from one state to the other, both in key order. Even what is the same is written, for its new revision. */
async function* differences(
  existing: AsyncIterator<DumpedEntry, undefined>,
  wanted: AsyncIterator<DumpedEntry, undefined>,
): AsyncGenerator<Step> {
  let old = (await existing.next()).value;
  let next = (await wanted.next()).value;
  while (old !== undefined || next !== undefined) {
    const order = old === undefined ? 1 : next === undefined ? -1 : compareKeys(old.key, next.key);
    if (order < 0 && old !== undefined) {
      if (old.key !== unfinishedRestoreKey) yield { type: "delete", key: old.key, revision: old.revision };
    } else if (next !== undefined && next.key !== unfinishedRestoreKey) {
      yield { type: "put", entry: next, expected: order === 0 ? (old?.revision ?? 0) : 0 };
    }
    if (order <= 0) old = (await existing.next()).value;
    if (order >= 0) next = (await wanted.next()).value;
  }
}

async function* entriesOf(pages: AsyncIterable<readonly DumpedEntry[]>): AsyncGenerator<DumpedEntry, undefined> {
  for await (const page of pages) yield* page;
  return undefined;
}

async function take(storage: Storage, step: Step): Promise<unknown> {
  if (step.type === "put") {
    const { key, value, expiresAfterSeconds: seconds } = step.entry;
    return storage.put(key, value, step.expected, seconds === undefined ? {} : { expiresAfterSeconds: seconds });
  }
  return storage.delete(step.key, step.revision).catch((error: unknown) => {
    // What expires may be gone already.
    if (!hasStorageReason(error, "Conflict")) throw error;
  });
}

/** Brings the store's revision beyond another one, by writes that say nothing, where it cannot simply be told to be there. */
async function raise(storage: Storage, beyond: Revision): Promise<void> {
  const missing = beyond + 1 - (await storage.revision());
  if (missing <= 0) return;
  const lanes = Math.min(missing, atOnce);
  const each = Math.ceil(missing / lanes);
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const key = `${unfinishedRestoreKey}/${lane}`;
      let { revision } = await replace(storage, key, nothing);
      for (let turn = 1; turn < each; turn++) ({ revision } = await storage.put(key, nothing, revision));
      await storage.delete(key, revision);
    }),
  );
}

const nothing = new Uint8Array(0);

async function replace(storage: Storage, key: string, value: Uint8Array): Promise<{ revision: Revision }> {
  return storage.put(key, value, (await storage.get(key))?.revision ?? 0);
}

import type { IEvent, IKeyValue, IWatchResponse } from "etcd3";
import type { Commit } from "../commit.ts";
import { StorageError, type Change, type Entry, type Revision } from "../storage.ts";
import type { KeySpace } from "./key-space.ts";
import type { OwnValues } from "./own-values.ts";

/** `opened`: the server follows from here on, and its revision was this one. */
export type StreamItem = { readonly opened: Revision } | Commit | { readonly progress: Revision };

/** The server ended the watch for another reason than compaction. */
export class WatchCancelled extends Error {
  override readonly name = "WatchCancelled";
}

/**
 * What the responses of a stream with one watch say: all changes of a revision as one commit, whole however the server cut them.
 * Values that are among `own` are those.
 *
 * @throws StorageError Expired when changes, or the values before them, are compacted. @throws WatchCancelled
 */
export async function* readResponses(
  responses: AsyncIterable<IWatchResponse>,
  keys: KeySpace,
  own?: OwnValues,
): AsyncGenerator<StreamItem> {
  let events: IEvent[] = [];
  for await (const response of responses) {
    const revision = Number(response.header.revision);
    if (response.canceled) throw endOf(response);
    if (response.created) {
      yield { opened: revision };
      continue;
    }
    if (events.length === 0 && response.events.length === 0) {
      yield { progress: revision };
      continue;
    }
    events = events.length === 0 ? response.events : events.concat(response.events);
    if (response.fragment) continue;
    yield* commitsOf(events, keys, own);
    events = [];
  }
}

function endOf({ compact_revision: compacted, cancel_reason: reason }: IWatchResponse): Error {
  if (Number(compacted) > 0) return new StorageError("Expired", `the history up to revision ${compacted} has been compacted`);
  return new WatchCancelled(reason === "" ? "etcd cancelled the watch" : reason);
}

function* commitsOf(events: readonly IEvent[], keys: KeySpace, own: OwnValues | undefined): Generator<Commit> {
  let revision = 0;
  let changes: Change[] = [];
  for (const event of events) {
    const at = Number(event.kv.mod_revision);
    if (at !== revision && changes.length > 0) {
      yield { revision, changes };
      changes = [];
    }
    revision = at;
    changes.push(changeOf(event, keys, own));
  }
  if (changes.length > 0) yield { revision, changes };
}

function changeOf(event: IEvent, keys: KeySpace, own: OwnValues | undefined): Change {
  const { kv } = event;
  // Absent messages are null, whatever the types say.
  const before = event.prev_kv as IKeyValue | null;
  const isDeletion = event.type === "Delete";
  const isCreation = !isDeletion && kv.create_revision === kv.mod_revision;
  if (!isCreation && before === null) {
    throw new StorageError("Expired", `what was there before revision ${kv.mod_revision} has been compacted`);
  }
  const key = keys.fromEtcd(kv.key);
  return {
    key,
    ...(!isDeletion && { value: own?.take(key, kv.value) ?? owned(kv.value) }),
    ...(before !== null && { previous: entryOf(before, keys) }),
  };
}

export function entryOf(kv: IKeyValue, keys: KeySpace): Entry {
  return { key: keys.fromEtcd(kv.key), value: owned(kv.value), revision: Number(kv.mod_revision) };
}

/** A copy: what gRPC gives is a slice of the whole message, which would live as long as one object of it does. */
function owned(value: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(value);
}

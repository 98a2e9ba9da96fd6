import type { IKeyValue } from "etcd3";
import { withSecondsLeft } from "../expiry-queue.ts";
import type { Dump, DumpedEntry, Revision } from "../storage.ts";
import { readError } from "./etcd-failure.ts";
import type { WatchDependencies } from "./resuming-watch.ts";
import { entryOf } from "./watch-responses.ts";

const pageSize = 500;

/** While the pages are being read their revision is in `held`. @throws what `etcd3` throws; the pages throw StorageError */
export async function dumpOf(deps: WatchDependencies, prefix: string, held: Set<Revision>): Promise<Dump> {
  const { members, keys } = deps;
  const all = keys.below(prefix);
  const { header, count } = await members.call((client, options) => client.kv.range({ ...all, count_only: true }, options));
  const at = header.revision;
  const fence = { key: keys.toEtcd(keys.fence), revision: at, count_only: true };
  const hasFence = keys.fence.startsWith(prefix)
    ? Number((await members.call((client, options) => client.kv.range(fence, options))).count)
    : 0;
  return { revision: Number(at), count: Number(count) - hasFence, pages: pagesOf(deps, prefix, at, held) };
}

async function* pagesOf(
  deps: WatchDependencies,
  prefix: string,
  at: string,
  held: Set<Revision>,
): AsyncGenerator<readonly DumpedEntry[]> {
  const { members, keys } = deps;
  const left = new Map<string, Promise<number>>();
  const revision = Number(at);
  held.add(revision);
  try {
    for (let after: string | undefined; ;) {
      const range = { ...keys.below(prefix, after), limit: pageSize, revision: at };
      const { kvs, more } = await members.call((client, options) => client.kv.range(range, options));
      const entries = await Promise.all(kvs.map((kv) => dumped(kv, deps, left)));
      yield entries.filter(({ key }) => key !== keys.fence);
      if (!more) return;
      after = entries.at(-1)?.key;
    }
  } catch (error) {
    throw readError(error);
  } finally {
    held.delete(revision);
  }
}

async function dumped(kv: IKeyValue, deps: WatchDependencies, left: Map<string, Promise<number>>): Promise<DumpedEntry> {
  const entry = entryOf(kv, deps.keys);
  const { lease } = kv;
  if (lease === "0") return entry;
  const known = left.get(lease) ?? secondsLeft(lease, deps);
  left.set(lease, known);
  return withSecondsLeft(entry, await known);
}

/** A lease that has ended since takes its keys along, which are a moment away from going. */
async function secondsLeft(lease: string, { members }: WatchDependencies): Promise<number> {
  const { TTL } = await members.call((client, options) => client.leaseClient.leaseTimeToLive({ ID: lease }, options));
  return Math.max(1, Number(TTL));
}

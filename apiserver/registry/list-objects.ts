import { wholeNumber } from "#api/query";
import type { ApiRequest } from "#api/request";
import { StatusError } from "#api/status";
import { hasStorageReason } from "../storage/storage.ts";
import type { CachedObject } from "../watch/cached-object.ts";
import type { IndexedValue } from "../watch/watch-cache.ts";
import { continueToken, inconsistent, parseContinueToken } from "./continue-token.ts";
import { listOptions } from "./list-options.ts";
import type { ResourceStore } from "./resource-store.ts";
import type { Selection } from "./selection.ts";
import { keyPrefix, storageKey } from "./storage-keys.ts";

export interface ListResult {
  readonly items: readonly CachedObject[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** Whose signal is looked at only when there is something to wait for. */
type Reading = Pick<ApiRequest, "signal">;

/** How long a read waits for a version that this server has not seen yet. */
const futureWaitMs = 3_000;

/** Reads a list as the query asks for it. Pages of one list are all read at the revision of its first page. */
export async function listObjects(
  store: ResourceStore,
  selection: Selection,
  query: URLSearchParams,
  reader: Reading,
): Promise<ListResult> {
  const limit = Math.max(wholeNumber(query, "limit"), 0);
  const { version, match, token } = listOptions(query);
  const prefix = keyPrefix(store.definition.type, selection.namespace);
  if (token !== "") return nextPage(store, selection, prefix, limit, token, reader);
  // As upstream has it since before there was a resourceVersionMatch: a limited list from a version is of exactly that version.
  const isExact = match === "Exact" || (match === "" && limit > 0 && version !== "" && version !== "0");
  if (isExact) {
    const revision = await atVersion(store, version, reader);
    return page(await itemsAt(store, prefix, revision), selection, limit, revision);
  }
  if (version === "") await store.cache.freshen(reader);
  else if (version !== "0") await atVersion(store, version, reader);
  // From version 0 upstream answers everything it has at once.
  return page(currentItems(store, selection, prefix), selection, version === "0" ? 0 : limit, store.cache.current);
}

async function nextPage(
  store: ResourceStore,
  selection: Selection,
  prefix: string,
  limit: number,
  token: string,
  reader: Reading,
): Promise<ListResult> {
  const { revision, after } = parseContinueToken(token);
  if (revision === inconsistent) {
    await store.cache.freshen(reader);
    return page(store.cache.listCached(prefix), selection, limit, store.cache.current, after);
  }
  try {
    return page(await store.cache.listLong(prefix, revision), selection, limit, revision, after);
  } catch (error) {
    if (!hasStorageReason(error, "Expired", "Future")) throw error;
    throw expiredToken(after, error);
  }
}

/** The way on for who can bear to miss what changed in between. */
function expiredToken(after: string, cause: Error): StatusError {
  const message =
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue " +
    "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided " +
    "token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was " +
    "returned and now may show up in the list.";
  return new StatusError("Expired", message, {}, { cause, metadata: { continue: continueToken(inconsistent, after) } });
}

/** Waits until this server has seen `version`. @throws StatusError Timeout with the cause clients look for. */
export async function atVersion(store: ResourceStore, version: string, reader: Reading): Promise<number> {
  const revision = Number(version);
  if (store.cache.current >= revision) return revision;
  if (!(await store.cache.waitFor(revision, { timeoutMs: futureWaitMs, signal: reader.signal }))) {
    const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
    const message = `Timeout: Too large resource version: ${version}, current: ${store.cache.current}`;
    throw new StatusError("Timeout", message, { causes, retryAfterSeconds: 1 });
  }
  return revision;
}

/** All that is selected, and where selecting means looking at each, more. */
export function currentItems(store: ResourceStore, selection: Selection, prefix: string): readonly CachedObject[] {
  const key = onlyKey(store, selection);
  if (key !== undefined) {
    const found = store.cache.getCached(key);
    return found === undefined ? [] : [found];
  }
  const indexed = nodeIndex(selection);
  if (indexed !== undefined) return store.cache.byIndex(indexed.index, indexed.value, prefix);
  return store.cache.listCached(prefix);
}

/** Of the one object that can be selected. */
export function onlyKey({ definition: { type } }: ResourceStore, { name, namespace }: Selection): string | undefined {
  if (name === undefined || (namespace === undefined && type.namespaced)) return undefined;
  return storageKey(type, { namespace: namespace ?? "", name });
}

/** Pods of one node: what each node's agent asks for. */
export function nodeIndex(selection: Selection): IndexedValue | undefined {
  const node = selection.fields.requirements.find(({ field, operator }) => field === "spec.nodeName" && operator === "=")?.value;
  return node === undefined || node === "" ? undefined : { index: "nodeName", value: node };
}

async function itemsAt(store: ResourceStore, prefix: string, revision: number): Promise<readonly CachedObject[]> {
  try {
    return await store.cache.listLong(prefix, revision);
  } catch (error) {
    if (!hasStorageReason(error, "Expired")) throw error;
    const message = "The resourceVersion for the provided list is too old.";
    throw new StatusError("Expired", message, {}, { cause: error });
  }
}

function page(all: readonly CachedObject[], selection: Selection, limit: number, revision: number, after?: string): ListResult {
  const rest = after === undefined ? all : all.filter((item) => item.key > after);
  // What everything passes needs no looking at, and so no parsing.
  if (!selection.isNarrowed && (limit === 0 || rest.length <= limit)) return { items: rest, resourceVersion: String(revision) };
  const items: CachedObject[] = [];
  for (const [index, item] of rest.entries()) {
    if (selection.isNarrowed && !selection.matches(item.object)) continue;
    if (limit > 0 && items.length === limit) {
      const last = items.at(-1);
      const unfiltered = rest.length - index;
      return {
        items,
        resourceVersion: String(revision),
        continue: continueToken(revision, last?.key ?? ""),
        // Counting what a selector leaves would mean looking at all of it.
        ...(!selection.isNarrowed && { remainingItemCount: unfiltered }),
      };
    }
    items.push(item);
  }
  return { items, resourceVersion: String(revision) };
}

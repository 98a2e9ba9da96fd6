import { wholeNumber } from "#api/query";
import type { ApiRequest } from "#api/request";
import { StatusError } from "#api/status";
import { hasStorageReason } from "../storage/storage.ts";
import type { CachedObject } from "../watch/cached-object.ts";
import { compareKeys } from "../storage/ordered-map.ts";
import type { IndexedValue, Walk } from "../watch/watch-cache.ts";
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
    return page(await walkAt(store, prefix, revision), selection, limit, revision);
  }
  if (version === "") await store.cache.freshen(reader);
  else if (version !== "0") await atVersion(store, version, reader);
  const { current } = store.cache;
  // From version 0 upstream answers everything it has at once.
  if (limit === 0 || version === "0") return whole(currentItems(store, selection, prefix), selection, current);
  const few = selectedFew(store, selection, prefix);
  return page(few === undefined ? store.cache.walkAt(prefix, current, "") : walkOf(few), selection, limit, current);
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
    const { current } = store.cache;
    return page(store.cache.walkAt(prefix, current, after), selection, limit, current);
  }
  try {
    return page(await walkLong(store, prefix, revision, after), selection, limit, revision);
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
  return selectedFew(store, selection, prefix) ?? store.cache.listCached(prefix);
}

/** Where what is selected can be found without looking at everything. */
function selectedFew(store: ResourceStore, selection: Selection, prefix: string): readonly CachedObject[] | undefined {
  const key = onlyKey(store, selection);
  if (key !== undefined) {
    const found = store.cache.getCached(key);
    return found === undefined ? [] : [found];
  }
  const indexed = nodeIndex(selection);
  return indexed && store.cache.byIndex(indexed.index, indexed.value, prefix);
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

async function walkAt(store: ResourceStore, prefix: string, revision: number): Promise<Walk> {
  try {
    return await walkLong(store, prefix, revision, "");
  } catch (error) {
    if (!hasStorageReason(error, "Expired")) throw error;
    const message = "The resourceVersion for the provided list is too old.";
    throw new StatusError("Expired", message, {}, { cause: error });
  }
}

async function walkLong(store: ResourceStore, prefix: string, revision: number, after: string): Promise<Walk> {
  if (store.cache.remembers(revision)) return store.cache.walkAt(prefix, revision, after);
  const all = await store.cache.listLong(prefix, revision);
  return walkOf(all.filter(({ key }) => compareKeys(key, after) > 0));
}

function walkOf(objects: readonly CachedObject[]): Walk {
  return { objects, countAfter: (after) => objects.filter(({ key }) => compareKeys(key, after) > 0).length };
}

/** What everything passes needs no looking at, and so no parsing. */
function whole(all: readonly CachedObject[], selection: Selection, revision: number): ListResult {
  const items = selection.isNarrowed ? all.filter(({ object }) => selection.matches(object)) : all;
  return { items, resourceVersion: String(revision) };
}

/** As many as the limit, if there is one, and a token to go on with. */
function page({ objects, countAfter }: Walk, selection: Selection, limit: number, revision: number): ListResult {
  const items: CachedObject[] = [];
  for (const item of objects) {
    if (selection.isNarrowed && !selection.matches(item.object)) continue;
    if (limit > 0 && items.length === limit) {
      const last = items.at(-1)?.key ?? "";
      return {
        items,
        resourceVersion: String(revision),
        continue: continueToken(revision, last),
        // Counting what a selector leaves would mean looking at all of it.
        ...(!selection.isNarrowed && { remainingItemCount: countAfter(last) }),
      };
    }
    items.push(item);
  }
  return { items, resourceVersion: String(revision) };
}

import { isResourceVersion, parseContinueToken, continueToken } from "./continue-token.ts";
import { invalid, StatusError } from "#api/status";
import { StorageError } from "../storage/storage.ts";
import type { CachedObject } from "../watch/cached-object.ts";
import type { ResourceStore } from "./resource-store.ts";
import type { Selection } from "./selection.ts";
import { keyPrefix, storageKey } from "./storage-keys.ts";

export interface ListResult {
  readonly items: readonly CachedObject[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** How long a read waits for a version that this server has not seen yet. */
const futureWaitMs = 3_000;

/** Reads a list as the query asks for it. Pages of one list are all read at the revision of its first page. */
export async function listObjects(
  store: ResourceStore,
  selection: Selection,
  query: URLSearchParams,
  signal: AbortSignal,
): Promise<ListResult> {
  const limit = wholeNumber(query, "limit");
  const version = query.get("resourceVersion") ?? "";
  const match = query.get("resourceVersionMatch") ?? "";
  const token = query.get("continue") ?? "";
  checkVersion(version, match, token);
  const prefix = keyPrefix(store.definition.type, selection.namespace);
  if (token !== "") {
    const { revision, after } = parseContinueToken(token);
    return page(itemsAt(store, prefix, revision), selection, limit, revision, after);
  }
  if (match === "Exact")
    return page(itemsAt(store, prefix, await atVersion(store, version, signal)), selection, limit, Number(version));
  if (version === "") await store.cache.freshen(signal);
  else if (version !== "0") await atVersion(store, version, signal);
  // From version 0 upstream answers everything it has at once.
  return page(currentItems(store, selection, prefix), selection, version === "0" ? 0 : limit, store.cache.current);
}

/** Waits until this server has seen `version`. @throws StatusError Timeout with the cause clients look for. */
export async function atVersion(store: ResourceStore, version: string, signal: AbortSignal): Promise<number> {
  const revision = Number(version);
  if (!(await store.cache.waitFor(revision, { timeoutMs: futureWaitMs, signal }))) {
    const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
    const message = `Timeout: Too large resource version: ${version}, current: ${store.cache.current}`;
    throw new StatusError("Timeout", message, { causes, retryAfterSeconds: 1 });
  }
  return revision;
}

/** @throws StatusError BadRequest, as Go's conversion of queries words it. */
export function wholeNumber(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? "";
  if (/^[-+]?\d*$/.test(text)) return Number(text);
  throw new StatusError("BadRequest", `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function currentItems(store: ResourceStore, selection: Selection, prefix: string): readonly CachedObject[] {
  const { type } = store.definition;
  if (selection.name !== undefined && (selection.namespace !== undefined || !type.namespaced)) {
    const found = store.cache.getCached(storageKey(type, { namespace: selection.namespace ?? "", name: selection.name }));
    return found === undefined ? [] : [found];
  }
  const node = selection.fields.requirements.find(({ field, operator }) => field === "spec.nodeName" && operator === "=")?.value;
  if (node !== undefined && node !== "") return store.cache.byIndex("nodeName", node, prefix);
  return store.cache.listCached(prefix);
}

function itemsAt(store: ResourceStore, prefix: string, revision: number): readonly CachedObject[] {
  try {
    return store.cache.listAt(prefix, revision);
  } catch (error) {
    if (!(error instanceof StorageError) || error.reason !== "Expired") throw error;
    throw new StatusError(
      "Expired",
      "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
      {},
      { cause: error },
    );
  }
}

function page(all: readonly CachedObject[], selection: Selection, limit: number, revision: number, after?: string): ListResult {
  const rest = after === undefined ? all : all.filter((item) => item.key > after);
  const items: CachedObject[] = [];
  for (const [index, item] of rest.entries()) {
    if (!selection.matches(item.object)) continue;
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

function checkVersion(version: string, match: string, token: string): void {
  const fail = (field: string, value: string, detail: string): never => {
    const cause = {
      reason: detail.startsWith("Forbidden") ? "FieldValueForbidden" : "FieldValueInvalid",
      message: detail.startsWith("Forbidden") ? detail : `Invalid value: "${value}": ${detail}`,
      field,
    };
    throw invalid({ group: "meta.k8s.io", kind: "ListOptions" }, "", [cause]);
  };
  if (version !== "" && !isResourceVersion(version)) {
    throw new StatusError("BadRequest", `Invalid value: "${version}": strconv.ParseUint: parsing "${version}": invalid syntax`);
  }
  if (match !== "") {
    if (version === "")
      fail("resourceVersionMatch", match, "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
    if (token !== "")
      fail("resourceVersionMatch", match, "Forbidden: resourceVersionMatch is forbidden when continue is provided");
    if (match !== "Exact" && match !== "NotOlderThan")
      fail("resourceVersionMatch", match, `must be one of "Exact", "NotOlderThan"`);
    if (match === "Exact" && version === "0")
      fail("resourceVersionMatch", match, `Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"`);
  }
  if (token !== "" && version !== "" && version !== "0") {
    throw new StatusError("BadRequest", "specifying resource version is not allowed when using continue");
  }
}

import type { DeleteOptions } from "#api/generated/types";
import type { KubeList, KubeObject, ObjectKey, Stored } from "#api/object";
import { apiVersionOf, type ResourceType } from "#api/resource-type";
import { errorFromStatus, hasReason } from "#api/status";
import type { ApiClient, CallOptions, ListOptions, Patch, WatchEvent, WatchOptions, WriteOptions } from "./api-client.ts";
import type { Call, Transport } from "./transport.ts";

export interface ClientOptions {
  /** What the server warns about: deprecated versions, fields that do nothing. */
  readonly onWarning?: (warning: string) => void;
}

/** The API in the words of the contract, over whatever transport there is. */
export function createClient(transport: Transport, { onWarning }: ClientOptions = {}): ApiClient {
  const call = async (request: Call): Promise<KubeObject> => {
    const { status, object, warnings } = await transport.send(request);
    if (onWarning !== undefined) warnings.forEach(onWarning);
    if (status >= 400) throw errorFromStatus(object);
    return object;
  };
  return {
    get: async <T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options = {}) =>
      (await call({ verb: "get", type, ...key, ...signalOf(options) })) as Stored<T>,
    list: (type, options = {}) => list(call, transport.pageSize, type, options),
    watch: (type, options) => watch(transport, type, options),
    create: async <T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}) => {
      const namespace = object.metadata.namespace ?? "";
      return (await call({ verb: "create", type, namespace, ...writeOf(options), body: typed(type, object) })) as Stored<T>;
    },
    update: async <T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}) => {
      const { namespace = "", name = "" } = object.metadata;
      return (await call({ verb: "update", type, namespace, name, ...writeOf(options), body: typed(type, object) })) as Stored<T>;
    },
    patch: async <T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, patch: Patch, options: WriteOptions = {}) =>
      (await call({ verb: "patch", type, ...key, ...writeOf(options), ...patchOf(patch) })) as Stored<T>,
    delete: async (type, key, options = {}) => {
      await call({ verb: "delete", type, ...key, ...signalOf(options), body: deleteBody(options) });
    },
    deleteCollection: async (type, options) => {
      const { namespace = "" } = options;
      const query = selectionOf(options);
      await call({ verb: "deletecollection", type, namespace, query, ...signalOf(options), body: deleteBody(options) });
    },
    createSubresource: async <T extends KubeObject>(
      type: ResourceType,
      key: ObjectKey,
      subresource: string,
      body: T,
      options: CallOptions = {},
    ) => (await call({ verb: "create", type, ...key, subresource, body, ...signalOf(options) })) as T,
    stream: (type, key, subresource, { query = {}, signal }) =>
      transport.stream({ verb: "get", type, ...key, subresource, query, accept: "*/*", ...(signal !== undefined && { signal }) }),
  };
}

type Send = (call: Call) => Promise<KubeObject>;

async function list<T extends KubeObject>(
  call: Send,
  pageSize: number | undefined,
  type: ResourceType<T>,
  options: ListOptions,
): Promise<KubeList<Stored<T>>> {
  const page = async (query: Record<string, string>) => {
    const { namespace = "" } = options;
    const request = {
      verb: "list",
      type,
      namespace,
      query: { ...selectionOf(options), ...query },
      ...signalOf(options),
    } as const;
    return (await call(request)) as unknown as KubeList<Stored<T>>;
  };
  const first = { ...(options.resourceVersion !== undefined && { resourceVersion: options.resourceVersion }) };
  const { limit = pageSize, continue: next } = options;
  const limited = limit === undefined ? {} : { limit: `${limit}` };
  if (options.limit !== undefined || next !== undefined) {
    return withTypes(type, await page(next === undefined ? { ...first, ...limited } : { ...limited, continue: next }));
  }
  return withTypes(type, await wholeList(page, first, limited));
}

async function wholeList<T>(
  page: (query: Record<string, string>) => Promise<KubeList<T>>,
  first: Record<string, string>,
  limited: Record<string, string>,
): Promise<KubeList<T>> {
  const head = await page({ ...first, ...limited });
  const items = [...head.items];
  for (let token = head.metadata.continue ?? ""; token !== "";) {
    try {
      const next = await page({ ...limited, continue: token });
      items.push(...next.items);
      token = next.metadata.continue ?? "";
    } catch (error) {
      // The history ended before the pages did. One page with everything in it is consistent, too.
      if (hasReason(error, "Expired")) return page(first);
      throw error;
    }
  }
  const { continue: _token, remainingItemCount: _remaining, ...metadata } = head.metadata;
  return { ...head, metadata, items };
}

async function* watch<T extends KubeObject>(
  transport: Transport,
  type: ResourceType<T>,
  { namespace = "", timeoutSeconds, allowWatchBookmarks, ...options }: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const query = {
    ...selectionOf(options),
    watch: "true",
    resourceVersion: options.resourceVersion,
    ...(allowWatchBookmarks === true && { allowWatchBookmarks: "true" }),
    ...(timeoutSeconds !== undefined && { timeoutSeconds: `${timeoutSeconds}` }),
  };
  for await (const batch of transport.watch({ verb: "watch", type, namespace, query, signal: options.signal })) {
    for (const event of batch) yield readEvent<T>(event.type, event.object);
  }
  // A server in the same process ends its streams, too, when the signal aborts.
  options.signal.throwIfAborted();
}

function readEvent<T extends KubeObject>(type: string, object: KubeObject): WatchEvent<T> {
  switch (type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      return { type, object: object as Stored<T> };
    case "BOOKMARK":
      return { type, resourceVersion: object.metadata.resourceVersion ?? "" };
    default:
      throw errorFromStatus(object);
  }
}

function signalOf({ signal }: { signal?: AbortSignal }): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function selectionOf({
  labelSelector,
  fieldSelector,
}: Pick<ListOptions, "labelSelector" | "fieldSelector">): Record<string, string> {
  return {
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
}

function writeOf({ subresource, fieldManager, signal }: WriteOptions): Pick<Call, "subresource" | "query" | "signal"> {
  return {
    ...(subresource !== undefined && { subresource }),
    ...(fieldManager !== undefined && { query: { fieldManager } }),
    ...(signal !== undefined && { signal }),
  };
}

function patchOf(patch: Patch): { contentType: string; body: object } {
  switch (patch.type) {
    case "json":
      return { contentType: "application/json-patch+json", body: patch.operations };
    case "merge":
      return { contentType: "application/merge-patch+json", body: patch.patch };
    case "strategic":
      return { contentType: "application/strategic-merge-patch+json", body: patch.patch };
  }
}

function deleteBody(options: DeleteOptions & Partial<ListOptions>): object {
  const { signal: _signal, namespace: _namespace, labelSelector: _labels, fieldSelector: _fields, ...rest } = options;
  const { limit: _limit, continue: _continue, resourceVersion: _version, ...deletion } = rest;
  return { apiVersion: "v1", kind: "DeleteOptions", ...deletion };
}

function typed<T extends KubeObject>(type: ResourceType, object: T): T {
  return { apiVersion: apiVersionOf(type), kind: type.kind, ...object };
}

/** A server may leave out of all of a list's items what its own kind says; readers should not have to care where an object came from. */
function withTypes<T extends KubeObject>(type: ResourceType<T>, page: KubeList<Stored<T>>): KubeList<Stored<T>> {
  const [first] = page.items;
  const isWhole = first?.kind !== undefined && first.apiVersion !== undefined;
  return isWhole ? page : { ...page, items: page.items.map((item) => Object.freeze(typed<Stored<T>>(type, item))) };
}

import type { DeleteOptions } from "#api/generated/types";
import type { KubeList, KubeObject, ObjectKey, Stored } from "#api/object";
import type { ResourceType } from "#api/resource-type";

/** Reads as an API server answers them. Every call @throws StatusError as the server gave it, or ServiceUnavailable when unreachable. */
export interface ApiReader {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: CallOptions): Promise<Stored<T>>;
  /** One page when `limit` is given; the whole, read page by page, otherwise. */
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<KubeList<Stored<T>>>;
  /**
   * Everything after `resourceVersion`, in order, until the server ends the stream or the signal aborts (then it rejects). An
   * ERROR event is thrown as its StatusError (`Expired`: list again).
   */
  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
}

export interface ApiWriter {
  /** `metadata.namespace` says where; it must be there for a namespaced kind. */
  create<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<Stored<T>>;
  /** Compare-and-swap when the object carries a resourceVersion. @throws Conflict */
  update<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<Stored<T>>;
  patch<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, patch: Patch, options?: WriteOptions): Promise<Stored<T>>;
  delete(type: ResourceType, key: ObjectKey, options?: DeleteOptions & CallOptions): Promise<void>;
  deleteCollection(type: ResourceType, options: ListOptions & DeleteOptions): Promise<void>;
  /** POST to a subresource whose body is of another kind, e.g. a Binding to pods/binding. @returns what the server answers. */
  createSubresource<T extends KubeObject>(
    type: ResourceType,
    key: ObjectKey,
    subresource: string,
    body: T,
    options?: CallOptions,
  ): Promise<T>;
}

export interface ApiClient extends ApiReader, ApiWriter {
  /** The bytes of a streaming subresource such as pods/log. */
  stream(
    type: ResourceType,
    key: ObjectKey,
    subresource: string,
    options: CallOptions & { query?: Readonly<Record<string, string>> },
  ): AsyncIterable<Uint8Array>;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
  /** `status`, `scale` …; absent: the object itself. */
  readonly subresource?: string;
  readonly fieldManager?: string;
}

export interface ListOptions extends CallOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
}

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion: string;
  readonly allowWatchBookmarks?: boolean;
  readonly timeoutSeconds?: number;
  readonly signal: AbortSignal;
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: Stored<T> }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

export type Patch =
  | { readonly type: "json"; readonly operations: readonly { op: string; path: string; value?: unknown; from?: string }[] }
  | { readonly type: "merge" | "strategic"; readonly patch: object };

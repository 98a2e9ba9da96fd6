/** What clients of an API server asked and were told: all that a checker may know. The order of ticks is the order in which it happened. */
export interface History {
  /** Nothing had been written before this version. */
  readonly start: number;
  readonly operations: readonly Operation[];
  readonly segments: readonly Segment[];
  readonly compactions: readonly Compaction[];
  /** What should have come to an end and did not. */
  readonly stalled: readonly string[];
}

/** Counts invocations, answers and events of all clients together. */
export type Tick = number;

/** `namespace/name` */
export type Key = string;

/** One version of an object. Its content is what an update replaces and what a patch sets beside it, each written once at most. */
export interface Seen {
  readonly version: number;
  readonly content: Content;
}

export interface Content {
  readonly base: string;
  readonly mark: string;
}

export function contentText({ base, mark }: Content): string {
  return mark === "" ? base : `${base}+${mark}`;
}

/** Of a read: `latest` must show every write acknowledged before; `any` may be old; a number is exactly that version. */
export type At = "latest" | "any" | number | { readonly notOlderThan: number };

export type Action =
  | { readonly type: "create" | "update"; readonly key: Key; readonly base: string; readonly expected?: number }
  | { readonly type: "patch"; readonly key: Key; readonly mark: string; readonly expected?: number }
  | { readonly type: "delete"; readonly key: Key; readonly expected?: number }
  | { readonly type: "get"; readonly key: Key; readonly at: At }
  /** Of one namespace or, without one, of all. */
  | { readonly type: "list"; readonly namespace?: string; readonly at: At };

export type Outcome =
  /** `seen` of what was written or read, `list` of lists, neither of a deletion. */
  | { readonly type: "ok"; readonly seen?: Seen; readonly list?: Snapshot }
  /** Nothing has happened. `Other` says nothing about what is there. */
  | { readonly type: "refused"; readonly reason: "NotFound" | "AlreadyExists" | "Conflict" | "Expired" | "Other" }
  /** It may have happened, may happen later, or never. */
  | { readonly type: "unknown" };

export interface Snapshot {
  readonly version: number;
  readonly items: ReadonlyMap<Key, Seen>;
}

export interface Operation {
  readonly id: number;
  readonly client: string;
  /** One cache's life: reads of `any` version never go back there. */
  readonly server: string;
  readonly invoked: Tick;
  /** Infinity when nobody was told how it went. */
  readonly completed: Tick;
  readonly action: Action;
  readonly outcome: Outcome;
}

export interface SeenEvent {
  readonly tick: Tick;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly key: Key;
  readonly seen: Seen;
}

/** One stretch of a watch, from its request to its end. */
export interface Segment {
  readonly watcher: string;
  readonly namespace?: string;
  /** Everything after this version is to be seen. */
  readonly from: number;
  readonly events: readonly SeenEvent[];
  /** Versions up to which the server said that nothing is missing, each with how many events had come before. */
  readonly bookmarks: readonly { readonly version: number; readonly after: number }[];
  /** The server said that the version has left the log. */
  readonly expiredAt?: Tick;
}

/** Asked for at this tick: the log need not go back further than `version` any more. */
export interface Compaction {
  readonly tick: Tick;
  readonly version: number;
}

export function namespaceOf(key: Key): string {
  return key.slice(0, key.indexOf("/"));
}

export function isSelected(key: Key, namespace: string | undefined): boolean {
  return namespace === undefined || namespaceOf(key) === namespace;
}

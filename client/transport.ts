import type { KubeObject } from "#api/object";
import type { Verb } from "#api/request";
import type { ResourceType } from "#api/resource-type";

/** One request to an API server, before anything of HTTP is in it. */
export interface Call {
  readonly verb: Verb;
  readonly type: ResourceType;
  /** Empty or absent: the kind is cluster-scoped, or all namespaces are meant. */
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  /** JSON unless told otherwise. */
  readonly accept?: string;
  readonly body?: object;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** Frozen, and possibly shared with others. */
  readonly object: KubeObject;
  readonly warnings: readonly string[];
}

export interface RawWatchEvent {
  readonly type: string;
  /** Frozen, and possibly shared with others. */
  readonly object: KubeObject;
}

/**
 * What differs between reaching an API server by HTTP and having it in the same process. Failures that the server answers are
 * answers. Every method @throws StatusError ServiceUnavailable when there is no server to answer, and the signal's reason on abort.
 */
export interface Transport {
  /** Lists are read in pages of this size. Absent where pages save nothing. */
  readonly pageSize?: number;
  send(call: Call): Promise<Answer>;
  /** In order. Ends when the server ends it. @throws StatusError when the server refuses the watch. */
  watch(call: Call & { readonly signal: AbortSignal }): AsyncIterable<readonly RawWatchEvent[]>;
  /** @throws StatusError when the server refuses the stream. */
  stream(call: Call): AsyncIterable<Uint8Array>;
}

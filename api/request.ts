import type { Duplex } from "node:stream";
import type { KubeObject } from "./object.ts";

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection" | "connect";

/** Who says that it sends the request. The API server decides whether to believe it. */
export type Credentials =
  | { readonly kind: "anonymous" }
  /** Some were given and they are bad, e.g. a certificate that is not the cluster's. */
  | { readonly kind: "rejected" }
  /** A verified client certificate of the cluster's CA, read once per socket. */
  | {
      readonly kind: "certificate";
      readonly commonName: string;
      readonly organizations: readonly string[];
      /** Of the whole certificate, in hex. */
      readonly sha256?: string;
    }
  | { readonly kind: "bearer"; readonly token: string }
  /** A component in the same process. */
  | { readonly kind: "inProcess"; readonly user: string; readonly groups: readonly string[] };

/** As whom a sender wants to be treated. Empty where nothing is said of it. The API server decides whether the sender may. */
export interface Impersonation {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** One request to the API, with nothing of HTTP left in it. */
export interface ApiRequest {
  readonly verb: Verb;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  readonly query: URLSearchParams;
  /** Empty without a body. */
  readonly contentType: string;
  readonly accept: string;
  /** Bytes as they came, or an object from the same process: both pass the same decoder. */
  readonly body?: Uint8Array | object | undefined;
  readonly credentials: Credentials;
  readonly impersonate?: Impersonation | undefined;
  readonly userAgent: string;
  /** Of a client that asks to change to another protocol: the headers that say to which, by their names in lower case. */
  readonly upgrade?: Readonly<Record<string, string>> | undefined;
  readonly signal: AbortSignal;
}

/** An object with the bytes it is served as, made once and shared by every reader and watcher. */
export interface EncodedObject {
  /** Frozen. */
  readonly object: KubeObject;
  /** JSON with the resourceVersion in it. */
  bytes(): Uint8Array;
}

export interface EncodedEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: KubeObject;
  /** One line of a watch stream, with its newline. */
  bytes(): Uint8Array;
}

export type ApiResponse = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Each becomes a Warning header. */
  readonly warnings: readonly string[];
} & (
  | { readonly kind: "object"; readonly object: KubeObject; bytes(): Uint8Array }
  /** `chunks` is the whole document in pieces fit for writing; `object` lets others run while it makes many. */
  | { readonly kind: "list"; readonly object: () => Promise<KubeObject>; readonly chunks: () => Iterable<Uint8Array> }
  /** Pulling is the back-pressure; aborting the request's signal, or returning, frees everything. Batches are never empty. */
  | { readonly kind: "watch"; readonly events: AsyncIterable<readonly EncodedEvent[]> }
  | { readonly kind: "stream"; readonly contentType: string; readonly chunks: AsyncIterable<Uint8Array> }
  /** The headers are those of a 101. Then `upgrade` has the connection, and resolves when it is over. */
  | { readonly kind: "upgrade"; upgrade(socket: Duplex): Promise<void> }
);

/** The API server as a function. Failures are answers too: it rejects only when the request's signal aborts. */
export type Handle = (request: ApiRequest) => Promise<ApiResponse>;

/** How a client reaches an API server. */
export interface Way {
  /** Whose cache answers at the moment. */
  readonly server: string;
  /** @throws NoAnswer */
  send(request: WayRequest): Promise<WayAnswer>;
  /** The events of a watch as they come, or one answer when it is refused. Ends when the server ends it. @throws NoAnswer */
  watch(path: string, signal: AbortSignal): AsyncIterable<WayEvent>;
}

export interface WayRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: object;
}

export interface WayAnswer {
  readonly status: number;
  readonly body: Document;
}

/** As much of an object, a list or a Status as is looked at here. */
export interface Document {
  readonly reason?: string;
  readonly code?: number;
  readonly message?: string;
  readonly metadata?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly items?: readonly Document[];
}

export interface WayEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: Document;
}

/** Nobody has said how it went. */
export class NoAnswer extends Error {
  /** Something of it may have arrived. */
  readonly wasSent: boolean;

  constructor(wasSent: boolean, options?: ErrorOptions) {
    super("there was no answer", options);
    this.wasSent = wasSent;
  }
}

export const mergePatch = "application/merge-patch+json";

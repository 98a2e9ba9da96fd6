import type { AgentOptions } from "node:https";
import type { IncomingHttpHeaders } from "node:http";
import type { Impersonation } from "#api/request";
import { systemClock } from "#base/clock";
import { startExternal } from "./external-server.ts";
import { startHttps, startInProcess, type ServerOptions } from "./own-server.ts";

/** Who asks. A certificate is made for `user`; `token` and `foreign` are bad credentials on purpose. */
export interface Identity {
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly token?: string;
  /** A certificate of another authority. */
  readonly foreign?: boolean;
}

export interface Call {
  readonly as?: Identity;
  readonly body?: object | string | Uint8Array;
  readonly contentType?: string;
  readonly accept?: string;
  readonly impersonate?: Partial<Impersonation>;
  /** Only for HTTP. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly warnings: readonly string[];
  readonly text: string;
  /** The body as JSON; loosely typed, because tests look at it from outside. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

export interface WatchEvent {
  readonly type: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly object: any;
}

export interface Watching {
  /** The next event, in order; undefined when the server has ended the stream. Rejects after half a minute of silence. */
  next(): Promise<WatchEvent | undefined>;
  stop(): void;
}

/** One API server on the memory store, spoken to by method and path whichever way it is reached. */
export interface ApiUnderTest {
  readonly isHttp: boolean;
  readonly request: (method: string, path: string, call?: Call) => Promise<Reply>;
  readonly watch: (path: string, call?: Pick<Call, "as" | "accept">) => Promise<Watching>;
  readonly close: () => Promise<void>;
  /** For what only HTTP has. */
  readonly http?: {
    /** The body as it is on the wire. */
    readonly raw: (
      method: string,
      path: string,
      call?: Call,
    ) => Promise<{ status: number; headers: IncomingHttpHeaders; bytes: Buffer }>;
    /** What a WebSocket client must know to be the administrator. */
    readonly webSocket: () => Promise<{ readonly url: string; readonly options: AgentOptions }>;
    /** The server begins to end, as on SIGTERM. */
    stop(): Promise<void>;
  };
}

export const admin: Identity = { user: "admin", groups: ["system:masters"] };
export const scheduler: Identity = { user: "system:kube-scheduler" };
export const controllerManager: Identity = { user: "system:kube-controller-manager" };
export function agentOf(node: string): Identity {
  return { user: `system:node:${node}`, groups: ["system:nodes"] };
}

/** An API server that is not ours to start, by its kubeconfig: what is said of ours is then said of it. */
const external = process.env["SKIFF_TEST_KUBECONFIG"] ?? "";

/** For tests that need a server with a clock, limits or a store of its own. */
export const hasOwnServers = external === "";

/** Every way to reach an API server: what a test says of one holds for the others. */
export const waysIn: readonly [name: string, start: (options?: ServerOptions) => Promise<ApiUnderTest>][] = hasOwnServers
  ? [
      ["over HTTPS", startHttps],
      ["in the same process", startInProcess],
    ]
  : [[`of ${external}`, () => startExternal(external)]];

export function watching(events: AsyncGenerator<WatchEvent>, stop: () => void): Watching {
  return {
    next: async () => {
      const silence = new AbortController();
      const tooLong = systemClock.sleep(30_000, silence.signal).then(() => {
        throw new Error("half a minute without an event");
      });
      tooLong.catch(() => undefined);
      try {
        const result = await Promise.race([events.next(), tooLong]);
        return result.done === true ? undefined : result.value;
      } finally {
        silence.abort();
      }
    },
    stop: () => {
      stop();
      events.return(undefined).catch(() => undefined);
    },
  };
}

export function replyOf(status: number, headers: IncomingHttpHeaders, warnings: readonly string[], text: string): Reply {
  const isJson = text.startsWith("{");
  return { status, headers, warnings, text, body: isJson ? (JSON.parse(text) as unknown) : undefined };
}

import type http from "node:http";
import type { Status } from "#api/generated/types";
import { errorFromStatus } from "#api/status";
import {
  chunksOf,
  HttpConnection,
  isJson,
  linesOf,
  readAll,
  warningsOf,
  type HttpConnectionOptions,
  type HttpRequest,
} from "./http-connection.ts";
import { statusFromText } from "./http-transport.ts";
import type { RawWatchEvent } from "./transport.ts";

/**
 * Requests by path, for programs that learn the kinds at run time. Every call @throws StatusError as the server gave it, or
 * ServiceUnavailable when there is none.
 */
export interface RestClient {
  readonly server: string;
  send<T = unknown>(request: HttpRequest): Promise<T>;
  /** Batches of events as they come; ends when the server ends the stream. */
  watch(request: Pick<HttpRequest, "path" | "accept" | "signal">): AsyncIterable<readonly RawWatchEvent[]>;
  stream(request: Pick<HttpRequest, "path" | "accept" | "signal">): AsyncIterable<Uint8Array>;
  close(): void;
}

export function restClient(options: HttpConnectionOptions, onWarning: (text: string) => void): RestClient {
  const connection = new HttpConnection(options);
  const successful = async (request: HttpRequest): Promise<http.IncomingMessage> => {
    const response = await connection.request(request);
    warningsOf(response).forEach(onWarning);
    const code = response.statusCode ?? 0;
    if (code >= 200 && code < 300) return response;
    const body = await readAll(response, request.signal);
    throw errorFromStatus(isJson(response) ? (JSON.parse(body.toString()) as Status) : statusFromText(code, body.toString()));
  };
  return {
    server: options.server,
    send: async <T>(request: HttpRequest) => {
      const response = await successful(request);
      return JSON.parse((await readAll(response, request.signal)).toString()) as T;
    },
    watch: async function* (request) {
      const response = await successful({ ...request, method: "GET" });
      for await (const lines of linesOf(chunksOf(response, request.signal))) {
        yield lines.map((line) => JSON.parse(line.toString()) as RawWatchEvent);
      }
    },
    stream: async function* (request) {
      yield* chunksOf(await successful({ ...request, method: "GET" }), request.signal);
    },
    close: () => connection.close(),
  };
}

import type http from "node:http";
import type { KubeObject } from "#api/object";
import { errorFromStatus } from "#api/status";
import { deepFreeze } from "#base/deep-freeze";
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
import { resourcePath } from "./resource-path.ts";
import type { Answer, Call, RawWatchEvent, Transport } from "./transport.ts";

export type HttpTransportOptions = HttpConnectionOptions;

/** JSON over HTTP/1.1 with connections kept open. `close` ends those that are idle. */
export function httpTransport(options: HttpTransportOptions): Transport & { close(): void } {
  const connection = new HttpConnection(options);
  return {
    pageSize: 500,
    send: (call) => send(connection, call),
    watch: (call) => watch(connection, call),
    stream: (call) => stream(connection, call),
    close: () => connection.close(),
  };
}

async function send(connection: HttpConnection, call: Call): Promise<Answer> {
  const response = await connection.request(requestOf(call));
  const body = await readAll(response, call.signal);
  const status = response.statusCode ?? 0;
  const object = deepFreeze(isJson(response) ? parse(body) : statusFromText(status, body.toString()));
  return { status, object, warnings: warningsOf(response) };
}

async function* watch(connection: HttpConnection, call: Call): AsyncGenerator<readonly RawWatchEvent[]> {
  const response = await successful(connection, call);
  for await (const lines of linesOf(chunksOf(response, call.signal))) {
    yield lines.map((line) => deepFreeze(parse(line) as unknown as RawWatchEvent));
  }
}

async function* stream(connection: HttpConnection, call: Call): AsyncGenerator<Uint8Array> {
  yield* chunksOf(await successful(connection, call), call.signal);
}

async function successful(connection: HttpConnection, call: Call): Promise<http.IncomingMessage> {
  const response = await connection.request(requestOf(call));
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  const body = await readAll(response, call.signal);
  throw errorFromStatus(isJson(response) ? parse(body) : statusFromText(status, body.toString()));
}

function requestOf(call: Call): HttpRequest {
  const { accept, contentType, body, signal } = call;
  return {
    method: methods[call.verb],
    path: resourcePath(call),
    ...(accept !== undefined && { accept }),
    ...(contentType !== undefined && { contentType }),
    ...(body !== undefined && { body }),
    ...(signal !== undefined && { signal }),
  };
}

const methods = {
  get: "GET",
  list: "GET",
  watch: "GET",
  connect: "GET",
  create: "POST",
  update: "PUT",
  patch: "PATCH",
  delete: "DELETE",
  deletecollection: "DELETE",
} as const;

function parse(bytes: Buffer): KubeObject {
  return JSON.parse(bytes.toString()) as KubeObject;
}

/** What answered is not an API server (a proxy, say), or is too broken to speak JSON. */
export function statusFromText(code: number, text: string): KubeObject {
  const failure = code >= 400 || code === 0;
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: failure ? "Failure" : "Success",
    message: text,
    code,
  } as KubeObject;
}

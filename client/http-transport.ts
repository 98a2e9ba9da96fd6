import http from "node:http";
import https from "node:https";
import type { KubeObject } from "#api/object";
import { errorFromStatus, StatusError } from "#api/status";
import { deepFreeze } from "#base/deep-freeze";
import { resourcePath } from "./resource-path.ts";
import type { Answer, Call, RawWatchEvent, Transport } from "./transport.ts";

/** How to reach a server and who to be there. Certificates and keys are PEM. */
export interface HttpTransportOptions {
  /** `https://127.0.0.1:6443`, possibly with a path before `/api`. */
  readonly server: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Asked for each request, because tokens on disk are rotated. */
  readonly token?: string | (() => string | Promise<string>);
  /** The name that the server's certificate must carry, if it is not that of the URL. */
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  readonly userAgent?: string;
}

/** JSON over HTTP/1.1 with connections kept open. `close` ends those that are idle. */
export function httpTransport(options: HttpTransportOptions): Transport & { close(): void } {
  const connection = new Connection(options);
  return {
    pageSize: 500,
    send: (call) => send(connection, call),
    watch: (call) => watch(connection, call),
    stream: (call) => stream(connection, call),
    close: () => connection.close(),
  };
}

async function send(connection: Connection, call: Call): Promise<Answer> {
  const response = await connection.request(call);
  const body = await readAll(response, call);
  const status = response.statusCode ?? 0;
  const object = deepFreeze(isJson(response) ? parse(body) : statusFromText(status, body.toString()));
  return { status, object, warnings: warningsOf(response) };
}

async function* watch(connection: Connection, call: Call): AsyncGenerator<readonly RawWatchEvent[]> {
  const response = await successful(connection, call);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunksOf(response, call)) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(newline) + 1;
    rest = bytes.subarray(end);
    const events = splitLines(bytes.subarray(0, end)).map((line) => deepFreeze(parse(line) as unknown as RawWatchEvent));
    if (events.length > 0) yield events;
  }
}

async function* stream(connection: Connection, call: Call): AsyncGenerator<Uint8Array> {
  yield* chunksOf(await successful(connection, call), call);
}

async function successful(connection: Connection, call: Call): Promise<http.IncomingMessage> {
  const response = await connection.request(call);
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  const body = await readAll(response, call);
  throw errorFromStatus(isJson(response) ? parse(body) : statusFromText(status, body.toString()));
}

class Connection {
  readonly #base: URL;
  readonly #agent: http.Agent;
  readonly #options: HttpTransportOptions;

  constructor(options: HttpTransportOptions) {
    this.#base = new URL(options.server);
    this.#options = options;
    const keepAlive = { keepAlive: true, keepAliveMsecs: 15_000, scheduling: "lifo" } as const;
    this.#agent =
      this.#base.protocol === "http:" ? new http.Agent(keepAlive) : new https.Agent({ ...keepAlive, ...tls(options) });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** A server may close a connection just when it is used again; what only reads is then asked once more. */
  async request(call: Call): Promise<http.IncomingMessage> {
    const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const headers = await this.#headers(call, body);
    try {
      return await this.#attempt(call, headers, body);
    } catch (error) {
      if (!(error instanceof StaleConnection) || !reads(call)) throw unreachable(error, this.#options.server, call);
      return this.#attempt(call, headers, body).catch((second: unknown) => {
        throw unreachable(second, this.#options.server, call);
      });
    }
  }

  #attempt(call: Call, headers: http.OutgoingHttpHeaders, body: Buffer | undefined): Promise<http.IncomingMessage> {
    const { promise, resolve, reject } = withResolvers<http.IncomingMessage>();
    const module = this.#base.protocol === "http:" ? http : https;
    const path = `${this.#base.pathname.replace(/\/$/, "")}${resourcePath(call)}`;
    const { hostname, port } = this.#base;
    const request = module.request({
      agent: this.#agent,
      // Brackets belong to the URL, not to the address.
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port,
      path,
      method: methods[call.verb],
      headers,
      ...(call.signal !== undefined && { signal: call.signal }),
    });
    request.once("response", resolve);
    request.on("error", (error: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(stale ? new StaleConnection(error.message, { cause: error }) : error);
    });
    request.end(body);
    return promise;
  }

  async #headers(call: Call, body: Buffer | undefined): Promise<http.OutgoingHttpHeaders> {
    const { token, userAgent = "skiff" } = this.#options;
    const bearer = typeof token === "function" ? await token() : token;
    return {
      accept: call.accept ?? "application/json",
      "user-agent": userAgent,
      ...(body !== undefined && {
        "content-type": call.contentType ?? "application/json",
        // Node does not say how long the body of a DELETE is, and the server would take it for the next request.
        "content-length": body.length,
      }),
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    };
  }
}

class StaleConnection extends Error {}

const newline = 0x0a;

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

function reads(call: Call): boolean {
  return methods[call.verb] === "GET";
}

function tls(options: HttpTransportOptions): https.AgentOptions {
  const { ca, cert, key, tlsServerName, insecureSkipTlsVerify } = options;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(tlsServerName !== undefined && { servername: tlsServerName }),
    ...(insecureSkipTlsVerify === true && { rejectUnauthorized: false }),
  };
}

async function readAll(response: http.IncomingMessage, call: Call): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(response, call)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Leaving the loop early closes the connection. Aborting rejects with the signal's own reason. */
async function* chunksOf(response: http.IncomingMessage, call: Call): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response) yield chunk as Buffer;
  } catch (error) {
    throw unreachable(error, "the server", call);
  }
}

function unreachable(error: unknown, server: string, { signal }: Call): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (error instanceof StatusError) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  const why = message === "" ? (code ?? "connection failed") : message;
  return new StatusError("ServiceUnavailable", `${server} cannot be reached: ${why}`, {}, { cause: error });
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(newline, start);
    if (end > start) lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

function parse(bytes: Buffer): KubeObject {
  return JSON.parse(bytes.toString()) as KubeObject;
}

function isJson(response: http.IncomingMessage): boolean {
  return response.headers["content-type"]?.startsWith("application/json") ?? false;
}

/** What answered is not an API server (a proxy, say), or is too broken to speak JSON. */
function statusFromText(code: number, text: string): KubeObject {
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

function warningsOf(response: http.IncomingMessage): string[] {
  const header = response.headers.warning ?? "";
  return [...header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text.replace(/\\(.)/g, "$1"));
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((settle, fail) => {
    resolve = settle;
    reject = fail;
  });
  return { promise, resolve, reject };
}

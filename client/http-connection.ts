import http from "node:http";
import https from "node:https";
import { StatusError } from "#api/status";

/** How to reach a server and who to be there. Certificates and keys are PEM. */
export interface HttpConnectionOptions {
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

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query, e.g. `/api/v1/pods?limit=500`. */
  readonly path: string;
  /** JSON unless told otherwise. */
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: object;
  readonly signal?: AbortSignal;
}

/** One server over HTTP/1.1, with connections kept open. Every failure to be answered is a StatusError ServiceUnavailable. */
export class HttpConnection {
  readonly #base: URL;
  readonly #agent: http.Agent;
  readonly #options: HttpConnectionOptions;

  constructor(options: HttpConnectionOptions) {
    this.#base = new URL(options.server);
    this.#options = options;
    const keepAlive = { keepAlive: true, keepAliveMsecs: 15_000, scheduling: "lifo" } as const;
    this.#agent =
      this.#base.protocol === "http:" ? new http.Agent(keepAlive) : new https.Agent({ ...keepAlive, ...tls(options) });
  }

  /** Ends what is idle. */
  close(): void {
    this.#agent.destroy();
  }

  /**
   * Resolves with whatever the server answers. A server may close a connection just when it is used again; what only reads is
   * then asked once more. @throws StatusError ServiceUnavailable, or the signal's reason.
   */
  async request(request: HttpRequest): Promise<http.IncomingMessage> {
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const headers = await this.#headers(request, body);
    try {
      return await this.#attempt(request, headers, body);
    } catch (error) {
      if (!(error instanceof StaleConnection) || request.method !== "GET")
        throw unreachable(error, this.#options.server, request.signal);
      return this.#attempt(request, headers, body).catch((second: unknown) => {
        throw unreachable(second, this.#options.server, request.signal);
      });
    }
  }

  #attempt(
    { method, path, signal }: HttpRequest,
    headers: http.OutgoingHttpHeaders,
    body: Buffer | undefined,
  ): Promise<http.IncomingMessage> {
    const { promise, resolve, reject } = withResolvers<http.IncomingMessage>();
    const module = this.#base.protocol === "http:" ? http : https;
    const { hostname, port, pathname } = this.#base;
    const request = module.request({
      agent: this.#agent,
      // Brackets belong to the URL, not to the address.
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port,
      path: `${pathname.replace(/\/$/, "")}${path}`,
      method,
      headers,
      ...(signal !== undefined && { signal }),
    });
    request.once("response", resolve);
    request.on("error", (error: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
      reject(stale ? new StaleConnection(error.message, { cause: error }) : error);
    });
    request.end(body);
    return promise;
  }

  async #headers(request: HttpRequest, body: Buffer | undefined): Promise<http.OutgoingHttpHeaders> {
    const { token, userAgent = "skiff" } = this.#options;
    const bearer = typeof token === "function" ? await token() : token;
    return {
      accept: request.accept ?? "application/json",
      "user-agent": userAgent,
      ...(body !== undefined && {
        "content-type": request.contentType ?? "application/json",
        // Node does not say how long the body of a DELETE is, and the server would take it for the next request.
        "content-length": body.length,
      }),
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    };
  }
}

/** Leaving the loop early closes the connection. Aborting rejects with the signal's own reason. */
export async function* chunksOf(response: http.IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response) yield chunk as Buffer;
  } catch (error) {
    throw unreachable(error, "the server", signal);
  }
}

export async function readAll(response: http.IncomingMessage, signal: AbortSignal | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of chunksOf(response, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The texts of the Warning headers. */
export function warningsOf(response: http.IncomingMessage): string[] {
  const header = response.headers.warning ?? "";
  return [...header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text.replace(/\\(.)/g, "$1"));
}

export function isJson(response: http.IncomingMessage): boolean {
  return response.headers["content-type"]?.startsWith("application/json") ?? false;
}

/** Splits a stream of lines into batches of whole lines; empty lines are left out. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<readonly Buffer[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(newline) + 1;
    rest = bytes.subarray(end);
    const lines = splitLines(bytes.subarray(0, end));
    if (lines.length > 0) yield lines;
  }
}

class StaleConnection extends Error {}

const newline = 0x0a;

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(newline, start);
    if (end > start) lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

function tls(options: HttpConnectionOptions): https.AgentOptions {
  const { ca, cert, key, tlsServerName, insecureSkipTlsVerify } = options;
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(tlsServerName !== undefined && { servername: tlsServerName }),
    ...(insecureSkipTlsVerify === true && { rejectUnauthorized: false }),
  };
}

function unreachable(error: unknown, server: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (error instanceof StatusError) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  const why = message === "" ? (code ?? "connection failed") : message;
  return new StatusError("ServiceUnavailable", `${server} cannot be reached: ${why}`, {}, { cause: error });
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

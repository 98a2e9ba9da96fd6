import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ApiResponse, Verb } from "#api/request";
import { StatusError } from "#api/status";
import { Cancellation } from "#base/cancellation";
import type { Clock } from "#base/clock";
import type { ApiServer } from "../api-server.ts";
import { credentialsOf } from "./credentials.ts";
import { Deadlines } from "./deadlines.ts";
import { HttpCall, type Head } from "./http-call.ts";
import type { InFlight } from "./in-flight.ts";
import type { ApiMetrics, RequestLabels } from "./metrics.ts";
import type { RequestCounts } from "./request-counts.ts";
import { readBody } from "./read-request.ts";
import { parseResourcePath, verbOf, type ResourcePath } from "./request-path.ts";
import { isConnect, isLongRunning, requestTimeoutMs, timeoutOf, within } from "./request-timeout.ts";
import { serveUpgrade, upgradeHeaders } from "./serve-upgrade.ts";
import { bearerOf, isWebSocketRequest, serveWatch } from "./watch-over-web-socket.ts";
import { writeResponse, type WatchOptions } from "./write-response.ts";

export interface DispatcherOptions {
  readonly server: ApiServer;
  readonly inFlight: InFlight;
  readonly metrics: ApiMetrics;
  readonly clock: Clock;
}

interface Asked extends Head {
  readonly isLong: boolean;
  readonly counts: RequestCounts;
}

const drainPollMs = 20;

const noQuery = new URLSearchParams();

/** One for all: an error of its own for each would cost its stack. */
const clientGone = new Error("the client has gone");

/** Serves the paths of the API itself, in front of everything else because this is where the load is. */
export class ApiDispatcher {
  readonly #options: DispatcherOptions;
  /** Those that run for long, to be ended when the server goes. */
  readonly #longRunning = new Set<Cancellation>();
  readonly #deadlines: Deadlines;
  #active = 0;
  #draining = false;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
  }

  /** The server is going: nothing new is taken on. */
  get draining(): boolean {
    return this.#draining;
  }

  /** @returns false for a path that is not a resource's: somebody else's to answer. */
  dispatch(request: IncomingMessage, response: ServerResponse, auditId: string): boolean {
    const url = splitUrl(request.url ?? "/");
    if (!isResourcePath(url.path)) return false;
    void this.#serve(request, response, url.path, url.query, { auditId });
    return true;
  }

  /** A watch over a WebSocket, or what is a protocol of its own; whatever else wants to be upgraded is answered as if it had not asked. */
  upgrade(request: IncomingMessage, response: ServerResponse, socket: Duplex, head: Buffer): boolean {
    const url = splitUrl(request.url ?? "/");
    if (!isResourcePath(url.path)) return false;
    void this.#serve(request, response, url.path, url.query, { connection: { socket, head } });
    return true;
  }

  /** Ends what runs for long, waits for the rest. Resolves when nothing is left, or the time is up. */
  async drain(timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#draining = true;
    for (const ended of this.#longRunning) ended.abort();
    const deadline = clock.monotonic() + timeoutMs;
    while (this.#active > 0 && clock.monotonic() < deadline) await clock.sleep(drainPollMs);
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    queryText: string,
    { auditId, connection }: { readonly auditId?: string; readonly connection?: { socket: Duplex; head: Buffer } },
  ): Promise<void> {
    const { server, clock, metrics } = this.#options;
    const began = clock.monotonic();
    // Nobody waits for the answer, or no longer for all of it.
    const ended = new Cancellation(clientGone);
    const gone = new Cancellation(clientGone);
    response.once("close", () => {
      // Behind a short answer that is out there is nothing left to end.
      if (response.writableFinished && asked?.isLong === false) return;
      gone.abort();
      ended.abort();
    });
    this.#active++;
    let asked: Asked | undefined;
    let code = 0;
    try {
      if (this.#draining) throw goingError(response);
      asked = this.#asked(request, path, queryText === "" ? noQuery : new URLSearchParams(queryText), connection !== undefined);
      const { counts } = asked;
      const answer = await this.#answer(request, asked, ended);
      code = answer.status;
      if (connection !== undefined && answer.kind === "upgrade") {
        code = 101;
        await serveUpgrade(response, answer, connection.socket, connection.head, ended);
      } else if (connection !== undefined && answer.kind === "watch" && isWebSocketRequest(request)) {
        response.detachSocket(connection.socket as Socket);
        code = 101;
        await serveWatch(request, connection.socket, connection.head, answer.events, { ended, ...this.#watchOptions(counts) });
      } else {
        await writeResponse(response, answer, {
          client: gone,
          auditId,
          acceptEncoding: request.headers["accept-encoding"],
          clock,
          watch: answer.kind === "watch" ? this.#watchOptions(counts) : undefined,
        });
      }
    } catch (error) {
      if (gone.aborted) return;
      if (response.headersSent || code === 101) {
        // A stream that cannot be finished must not look finished.
        response.destroy(error instanceof Error ? error : undefined);
        return;
      }
      const refusal = server.failure(error);
      code = refusal.status;
      if (error instanceof StatusError && asked !== undefined && (code === 429 || code === 504)) {
        metrics.terminated(asked.counts.labels, code);
      }
      // What is left of a body that nobody reads would be taken for the next request.
      if (!request.complete) response.setHeader("connection", "close");
      await writeResponse(response, refusal, { client: gone, auditId }).catch(() => response.destroy());
    } finally {
      this.#active--;
      if (code !== 0) {
        const tookMs = asked?.isLong === true ? undefined : clock.monotonic() - began;
        (asked?.counts ?? metrics.countsOf(noLabels(request.method))).answered(code, tookMs);
      }
    }
  }

  #asked(request: IncomingMessage, path: string, query: URLSearchParams, wantsUpgrade: boolean): Asked {
    const target = parseResourcePath(path);
    if (target === undefined) throw new Error(`${path} is not a resource's path`);
    const verb = verbOf(request.method ?? "GET", target, query);
    const token = isWebSocketRequest(request) ? bearerOf(request) : undefined;
    const credentials = credentialsOf(request);
    return {
      target,
      verb,
      query,
      credentials: token !== undefined && credentials.kind === "anonymous" ? { kind: "bearer", token } : credentials,
      isLong: isLongRunning(verb, target),
      counts: this.#options.metrics.countsOf(this.#labelsOf(target, verb, query)),
      upgrade: wantsUpgrade ? upgradeHeaders(request) : undefined,
    };
  }

  #watchOptions(counts: RequestCounts): WatchOptions {
    const { clock, metrics } = this.#options;
    return { clock, sent: (events) => counts.sent(events), tooSlow: () => metrics.tooSlow(counts.labels) };
  }

  async #answer(request: IncomingMessage, asked: Asked, ended: Cancellation): Promise<ApiResponse> {
    const { inFlight } = this.#options;
    if (asked.isLong) return this.#longAnswer(request, asked, ended);
    const timeoutMs = timeoutOf(asked.query, requestTimeoutMs);
    const leave = inFlight.enter(asked.verb, asked.credentials);
    try {
      return await within(this.#ask(request, asked, ended), timeoutMs, this.#deadlines, ended);
    } finally {
      leave();
    }
  }

  async #longAnswer(request: IncomingMessage, asked: Asked, ended: Cancellation): Promise<ApiResponse> {
    const leave = this.#options.metrics.longRunningBegan(asked.counts.labels);
    this.#longRunning.add(ended);
    const over = (): void => {
      this.#longRunning.delete(ended);
      leave();
    };
    ended.signal.addEventListener("abort", over, { once: true });
    return this.#ask(request, asked, ended);
  }

  async #ask(request: IncomingMessage, asked: Asked, ended: Cancellation): Promise<ApiResponse> {
    // What follows a request for another protocol is that protocol's already.
    const hasBody = request.method !== "GET" && asked.upgrade === undefined;
    const body = hasBody ? await readBody(request) : undefined;
    return this.#options.server.handle(new HttpCall(request, asked, body, ended));
  }

  #labelsOf(target: ResourcePath, verb: Verb, query: URLSearchParams): RequestLabels {
    const { group, version, resource, subresource = "", name, namespace } = target;
    const label = verbLabels[isConnect(subresource) ? "connect" : verb];
    if (!this.#options.server.serves(target)) return noLabels(label);
    const scope = name !== undefined ? "resource" : namespace !== undefined ? "namespace" : "cluster";
    return { verb: label, group, version, resource, subresource, scope, dry_run: query.get("dryRun") === "All" ? "All" : "" };
  }
}

/** As upstream's dashboards name them. */
const verbLabels: Readonly<Record<Verb, string>> = {
  get: "GET",
  list: "LIST",
  watch: "WATCH",
  create: "POST",
  update: "PUT",
  patch: "PATCH",
  delete: "DELETE",
  deletecollection: "DELETECOLLECTION",
  connect: "CONNECT",
};

const knownMethods = new Set(Object.values(verbLabels));

function noLabels(method = "GET"): RequestLabels {
  const verb = knownMethods.has(method) ? method : "OTHER";
  return { verb, group: "", version: "", resource: "", subresource: "", scope: "", dry_run: "" };
}

function goingError(response: ServerResponse): StatusError {
  response.setHeader("connection", "close");
  return new StatusError("TooManyRequests", "The apiserver is shutting down, please try again later.", { retryAfterSeconds: 5 });
}

function splitUrl(url: string): { readonly path: string; readonly query: string } {
  const at = url.indexOf("?");
  return at === -1 ? { path: url, query: "" } : { path: url.slice(0, at), query: url.slice(at + 1) };
}

const isCorePath = /^\/api\/+[^/]+\/+[^/]/;
const isGroupPath = /^\/apis\/+[^/]+\/+[^/]+\/+[^/]/;

/** Deeper than the documents of discovery. */
function isResourcePath(path: string): boolean {
  return isCorePath.test(path) || isGroupPath.test(path);
}

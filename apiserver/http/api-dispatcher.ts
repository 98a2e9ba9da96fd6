import type { IncomingMessage, ServerResponse } from "node:http";
import type { ApiRequest, Handle } from "#api/request";
import type { ApiServer } from "../api-server.ts";
import { credentialsOf } from "./credentials.ts";
import { readBody } from "./read-request.ts";
import { parseResourcePath, verbOf } from "./request-path.ts";
import { writeResponse } from "./write-response.ts";

/** Serves the paths of the API itself, in front of everything else because this is where the load is. */
export class ApiDispatcher {
  readonly #server: ApiServer;
  readonly #handle: Handle;

  constructor(server: ApiServer) {
    this.#server = server;
    this.#handle = server.handle;
  }

  /** @returns false for a path that is not a resource's: somebody else's to answer. */
  dispatch(request: IncomingMessage, response: ServerResponse): boolean {
    const url = request.url ?? "/";
    if (!url.startsWith("/api/") && !url.startsWith("/apis/")) return false;
    const query = url.indexOf("?");
    const path = query === -1 ? url : url.slice(0, query);
    const segments = path.split("/").filter((segment) => segment !== "").length;
    if (segments <= (url.startsWith("/api/") ? 2 : 3)) return false;
    void this.#serve(request, response, path, new URLSearchParams(query === -1 ? "" : url.slice(query + 1)));
    return true;
  }

  async #serve(request: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): Promise<void> {
    const ended = new AbortController();
    response.once("close", () => ended.abort());
    try {
      const answer = await this.#answer(request, path, query, ended.signal);
      await writeResponse(response, answer, ended.signal);
    } catch (error) {
      if (ended.signal.aborted) return;
      if (response.headersSent) {
        // A stream that cannot be finished must not look finished.
        response.destroy(error instanceof Error ? error : undefined);
        return;
      }
      await writeResponse(response, this.#server.failure(error), ended.signal).catch(() => response.destroy());
    }
  }

  async #answer(request: IncomingMessage, path: string, query: URLSearchParams, signal: AbortSignal): ReturnType<Handle> {
    const target = parseResourcePath(path);
    if (target === undefined) throw new Error(`${path} is not a resource's path`);
    const verb = verbOf(request.method ?? "GET", target, query);
    const body = request.method === "GET" || request.method === "HEAD" ? undefined : await readBody(request);
    const call: ApiRequest = {
      verb,
      ...target,
      query,
      contentType: request.headers["content-type"] ?? "",
      accept: request.headers.accept ?? "",
      ...(body !== undefined && { body }),
      credentials: credentialsOf(request),
      userAgent: request.headers["user-agent"] ?? "",
      signal,
    };
    return this.#handle(call);
  }
}

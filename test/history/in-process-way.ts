import type { ApiRequest, ApiResponse, Handle } from "#api/request";
import { parseResourcePath, verbOf } from "#apiserver/http/request-path";
import { mergePatch, NoAnswer, type Document, type Way, type WayAnswer, type WayEvent, type WayRequest } from "./way.ts";

/** The server as a function, which can be another one the next time: no sockets, and no time but the server's own. */
export interface Served {
  readonly name: string;
  readonly handle: Handle;
}

export function inProcessWay(current: () => Served): Way {
  return {
    get server() {
      return current().name;
    },
    send: async (request) => answerOf(await ask(current().handle, request, new AbortController().signal)),
    watch: (path, signal) => watch(current, path, signal),
  };
}

async function* watch(current: () => Served, path: string, signal: AbortSignal): AsyncGenerator<WayEvent> {
  const answer = await ask(current().handle, { method: "GET", path }, signal);
  if (answer.kind !== "watch") {
    yield { type: "ERROR", object: answerOf(answer).body };
    return;
  }
  for await (const batch of answer.events) for (const event of batch) yield parsed<WayEvent>(event.bytes());
}

function answerOf(answer: ApiResponse): WayAnswer {
  if (answer.kind === "object") return { status: answer.status, body: parsed(answer.bytes()) };
  if (answer.kind === "list") return { status: answer.status, body: parsed(Buffer.concat([...answer.chunks()])) };
  throw new Error(`a ${answer.kind} where an object was expected`);
}

/** What is sent over a wire would be just these bytes. */
function parsed<T = Document>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString()) as T;
}

async function ask(handle: Handle, { method, path, body }: WayRequest, signal: AbortSignal): Promise<ApiResponse> {
  const url = new URL(path, "http://local");
  const target = parseResourcePath(url.pathname);
  if (target === undefined) throw new Error(`${path} is not a resource's path`);
  const request: ApiRequest = {
    verb: verbOf(method, target, url.searchParams),
    ...target,
    query: url.searchParams,
    contentType: body === undefined ? "" : method === "PATCH" ? mergePatch : "application/json",
    accept: "application/json",
    ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
    credentials: { kind: "inProcess", user: "admin", groups: ["system:masters"] },
    userAgent: "history",
    signal,
  };
  try {
    return await handle(request);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new NoAnswer(true, { cause: error });
  }
}

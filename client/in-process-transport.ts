import type { ApiRequest, ApiResponse, Handle } from "#api/request";
import { errorFromStatus, StatusError } from "#api/status";
import { sharedSignal } from "./shared-signal.ts";
import type { Answer, Call, RawWatchEvent, Transport } from "./transport.ts";

export interface InProcessOptions {
  /** The API server. */
  readonly handle: Handle;
  /** Whom to be there: authorization and admission see this user, as they would over HTTP. */
  readonly user: string;
  readonly groups: readonly string[];
  readonly userAgent?: string;
}

/** No sockets and no encoding: bodies are handed over as they are, and the server's own frozen objects come back. */
export function inProcessTransport(options: InProcessOptions): Transport {
  const ask = (call: Call) => options.handle(requestOf(call, options));
  return {
    send: async (call) => answerOf(await ask(call)),
    watch: (call) => watch(ask(call)),
    stream: (call) => stream(ask(call)),
  };
}

async function* watch(pending: Promise<ApiResponse>): AsyncGenerator<readonly RawWatchEvent[]> {
  const response = await pending;
  if (response.kind !== "watch") throw refusal(response);
  yield* response.events;
}

async function* stream(pending: Promise<ApiResponse>): AsyncGenerator<Uint8Array> {
  const response = await pending;
  if (response.kind !== "stream") throw refusal(response);
  yield* response.chunks;
}

/** Any number of calls wait with it at once. */
const never = sharedSignal(new AbortController().signal);

function requestOf(call: Call, { user, groups, userAgent = "skiff" }: InProcessOptions): ApiRequest {
  const { group, version, resource } = call.type;
  return {
    verb: call.verb,
    group,
    version,
    resource,
    ...(call.namespace !== undefined && call.namespace !== "" && { namespace: call.namespace }),
    ...(call.name !== undefined && { name: call.name }),
    ...(call.subresource !== undefined && { subresource: call.subresource }),
    query: new URLSearchParams(call.query),
    contentType: call.body === undefined ? "" : (call.contentType ?? "application/json"),
    accept: call.accept ?? "application/json",
    ...(call.body !== undefined && { body: call.body }),
    credentials: { kind: "inProcess", user, groups },
    userAgent,
    signal: call.signal ?? never,
  };
}

async function answerOf(response: ApiResponse): Promise<Answer> {
  const { status, warnings } = response;
  if (response.kind === "object") return { status, warnings, object: response.object };
  if (response.kind === "list") return { status, warnings, object: await response.object() };
  throw new StatusError("InternalError", `the server answered with a ${response.kind} where an object was expected`);
}

function refusal(response: ApiResponse): StatusError {
  if (response.kind === "object" && response.status >= 400) return errorFromStatus(response.object);
  return new StatusError("InternalError", `the server answered with a ${response.kind} where a stream was expected`);
}

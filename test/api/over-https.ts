import https from "node:https";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Impersonation } from "#api/request";
import { admin, replyOf, watching, type ApiUnderTest, type Call, type Identity, type WatchEvent } from "./api-under-test.ts";

export interface HttpsTarget {
  readonly host: string;
  readonly port: number;
  /** How that somebody reaches it: certificates, or headers besides the call's own. */
  connect(
    identity: Identity,
  ): Promise<{ readonly agent: https.Agent; readonly headers?: Readonly<Record<string, string | readonly string[]>> }>;
}

export interface HttpsConnection {
  readonly request: ApiUnderTest["request"];
  readonly watch: ApiUnderTest["watch"];
  readonly raw: NonNullable<ApiUnderTest["http"]>["raw"];
  readonly end: () => Promise<void>;
}

/** Speaks to an API server as clients do. Connections are kept by whoever asks. */
export function overHttps(target: HttpsTarget): HttpsConnection {
  const connections = new Map<string, ReturnType<HttpsTarget["connect"]>>();
  const connectionOf = (identity: Identity): ReturnType<HttpsTarget["connect"]> => {
    const id = JSON.stringify(identity);
    const made = connections.get(id) ?? target.connect(identity);
    connections.set(id, made);
    return made;
  };
  const send = async (method: string, path: string, call: Call): Promise<IncomingMessage> => {
    const { as = admin, body, accept } = call;
    const { agent, headers } = await connectionOf(as);
    const bytes = body === undefined ? undefined : bytesOf(body);
    return new Promise((resolve, reject) => {
      const request = https.request(
        {
          host: target.host,
          port: target.port,
          agent,
          method,
          path,
          headers: {
            accept: accept ?? "application/json",
            ...(bytes !== undefined && {
              "content-type": call.contentType ?? "application/json",
              "content-length": Buffer.byteLength(bytes),
            }),
            ...(as.token !== undefined && { authorization: `Bearer ${as.token}` }),
            ...headers,
            ...headersOf(call.impersonate),
            ...call.headers,
          },
        },
        resolve,
      );
      request.on("error", reject);
      request.end(bytes);
    });
  };
  return {
    raw: async (method, path, call = {}) => {
      const response = await send(method, path, call);
      return { status: response.statusCode ?? 0, headers: response.headers, bytes: await read(response) };
    },
    request: async (method, path, call = {}) => {
      const response = await send(method, path, call);
      const bytes = await read(response);
      return replyOf(response.statusCode ?? 0, response.headers, warningsOf(response.headers), bytes.toString());
    },
    watch: async (path, call = {}) => {
      const response = await send("GET", path, call);
      return watching(linesOf(response), () => response.destroy());
    },
    end: async () => {
      for (const connection of connections.values()) (await connection).agent.destroy();
    },
  };
}

function warningsOf({ warning = "" }: IncomingHttpHeaders): string[] {
  return [...warning.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text.replace(/\\(.)/g, "$1"));
}

export function headersOf({ user, uid, groups, extra = {} }: Partial<Impersonation> = {}): Record<
  string,
  string | readonly string[]
> {
  return {
    ...(user !== undefined && { "Impersonate-User": user }),
    ...(uid !== undefined && { "Impersonate-Uid": uid }),
    ...(groups !== undefined && { "Impersonate-Group": groups }),
    ...Object.fromEntries(Object.entries(extra).map(([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, values])),
  };
}

function bytesOf(body: object | string | Uint8Array): string | Uint8Array {
  return typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
}

async function read(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function* linesOf(stream: AsyncIterable<unknown>): AsyncGenerator<WatchEvent> {
  let rest = "";
  for await (const chunk of stream) {
    rest += String(chunk);
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as WatchEvent;
  }
}

import { once } from "node:events";
import https from "node:https";
import type { IncomingMessage } from "node:http";
import { StringDecoder } from "node:string_decoder";
import { mergePatch, NoAnswer, type Document, type Way, type WayAnswer, type WayEvent, type WayRequest } from "./way.ts";

/** Where a server listens, which may be elsewhere after it has started again. */
export interface HttpsServer {
  readonly name: string;
  readonly port: number;
}

/** Real sockets: what breaks them breaks these. */
export class HttpsWay implements Way {
  readonly #agent: https.Agent;
  readonly #current: () => HttpsServer;

  constructor(credentials: { readonly ca: string; readonly cert: string; readonly key: string }, current: () => HttpsServer) {
    this.#agent = new https.Agent({ ...credentials, keepAlive: true });
    this.#current = current;
  }

  get server(): string {
    return this.#current().name;
  }

  async send(request: WayRequest): Promise<WayAnswer> {
    const response = await this.#open(request);
    try {
      return { status: response.statusCode ?? 0, body: await documentOf(response) };
    } catch (error) {
      throw new NoAnswer(true, { cause: error });
    }
  }

  async *watch(path: string, signal: AbortSignal): AsyncGenerator<WayEvent> {
    const response = await this.#open({ method: "GET", path }, signal);
    try {
      if (response.statusCode === 200) yield* eventsOf(response);
      else yield { type: "ERROR", object: await documentOf(response) };
    } catch (error) {
      if (!signal.aborted) throw new NoAnswer(true, { cause: error });
    } finally {
      response.destroy();
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #open({ method, path, body }: WayRequest, signal?: AbortSignal): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const request = https.request({
      host: "127.0.0.1",
      port: this.#current().port,
      agent: this.#agent,
      method,
      path,
      ...(signal && { signal }),
      headers: {
        accept: "application/json",
        ...(text !== undefined && {
          "content-type": method === "PATCH" ? mergePatch : "application/json",
          "content-length": Buffer.byteLength(text),
        }),
      },
    });
    request.on("error", () => undefined);
    request.end(text);
    try {
      const [response] = (await once(request, "response")) as [IncomingMessage];
      return response;
    } catch (error) {
      const refused = (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
      throw new NoAnswer(!refused, { cause: error });
    }
  }
}

async function documentOf(response: IncomingMessage): Promise<Document> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as Document;
}

/** A line that was cut off was never sent. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<WayEvent> {
  const decoder = new StringDecoder();
  let rest = "";
  for await (const chunk of response) {
    rest += decoder.write(chunk as Buffer);
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as WayEvent;
  }
}

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { ApiResponse } from "#api/request";

/** Writes an answer, no faster than the client reads it. Rejects when the signal aborts. */
export async function writeResponse(response: ServerResponse, answer: ApiResponse, signal: AbortSignal): Promise<void> {
  for (const text of answer.warnings) response.appendHeader("warning", warningHeader(text));
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  response.setHeader("cache-control", "no-cache, private");
  switch (answer.kind) {
    case "object": {
      const bytes = answer.bytes();
      if (!response.hasHeader("content-type")) response.setHeader("content-type", "application/json");
      response.writeHead(answer.status, { "content-length": bytes.length });
      response.end(bytes);
      return;
    }
    case "list":
      response.writeHead(answer.status, { "content-type": "application/json" });
      for (const chunk of answer.chunks()) await write(response, chunk, signal);
      response.end();
      return;
    case "watch":
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.flushHeaders();
      for await (const batch of answer.events) {
        await write(
          response,
          batch.length === 1 && batch[0] !== undefined ? batch[0].bytes() : Buffer.concat(batch.map((event) => event.bytes())),
          signal,
        );
      }
      response.end();
      return;
    case "stream":
      response.writeHead(answer.status, { "content-type": answer.contentType });
      response.flushHeaders();
      for await (const chunk of answer.chunks) await write(response, chunk, signal);
      response.end();
      return;
    case "upgrade":
      throw new Error("an upgrade is answered on the socket");
  }
}

async function write(response: ServerResponse, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!response.write(chunk)) await once(response, "drain", { signal });
}

/** RFC 7234 with code 299, as net.NewWarningHeader of apimachinery forms it. */
function warningHeader(text: string): string {
  const plain = text.replace(/[\u0000-\u001f\u007f]/g, " ").replace(/[\\"]/g, "\\$&");
  return `299 - "${Buffer.from(plain).toString("latin1")}"`;
}

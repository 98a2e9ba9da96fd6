import { createServer } from "node:https";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline, Readable } from "node:stream";
import { createGzip } from "node:zlib";

/** What node:https can do by itself: answers, streams and broadcasts the bytes that its parent gave it. */

export interface BareServerOptions {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
  /** By path. */
  readonly bodies: Readonly<Record<string, Uint8Array>>;
}

const pieceSize = 64 * 1024;

function serve({ cert, key, clientCa, bodies }: BareServerOptions): void {
  const watchers = new Set<ServerResponse>();
  const options = { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] };
  const server = createServer(options, (request, response) => {
    const [path = ""] = (request.url ?? "").split("?");
    const body = bodies[path] ?? Buffer.alloc(0);
    if (path === "/watch") {
      response.writeHead(200, { "content-type": "application/json" });
      response.flushHeaders();
      watchers.add(response);
      response.on("close", () => watchers.delete(response));
    } else if (path === "/event") {
      request.resume();
      for (const watcher of watchers) watcher.write(body);
      response.end();
    } else if (path.startsWith("/stream/gzip")) {
      response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
      pipeline(Readable.from(piecesOf(body)), createGzip({ level: 1, chunkSize: 2 * pieceSize }), response, () => undefined);
    } else if (path.startsWith("/stream")) {
      response.writeHead(200, { "content-type": "application/json" });
      void stream(response, body);
    } else {
      response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
      response.end(body);
    }
  });
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
}

async function stream(response: ServerResponse, body: Uint8Array): Promise<void> {
  for (const piece of piecesOf(body)) {
    if (!response.write(piece)) await new Promise((resolve) => response.once("drain", resolve));
  }
  response.end();
}

function* piecesOf(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += pieceSize) yield body.subarray(at, at + pieceSize);
}

process.once("message", (options: BareServerOptions) => serve(options));
process.on("disconnect", () => process.exit(0));

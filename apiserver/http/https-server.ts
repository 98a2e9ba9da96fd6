import { once } from "node:events";
import { ServerResponse, type IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Express } from "express";
import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import type { ApiDispatcher } from "./api-dispatcher.ts";
import { auditIdHeader } from "./write-response.ts";

export interface TlsOptions {
  readonly cert: string;
  readonly key: string;
  /** Signs the client certificates that are believed. */
  readonly clientCa: string;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
}

/** Go's clients reuse idle connections for 90 s: whoever closes first must not be the server. */
const keepAliveMs = 120_000;

/** Answers under way when the server is to end may take this long. */
const drainMs = 10_000;
const lastWordsMs = 1_000;
const pollMs = 20;

/** Serves the API over TLS on every listener. @throws the socket's error when one cannot be bound; then none is left open. */
export async function serveHttps(options: {
  readonly dispatcher: ApiDispatcher;
  readonly app: Express;
  readonly tls: TlsOptions;
  readonly listeners: readonly Listener[];
  readonly clock: Clock;
  readonly random: Random;
}): Promise<{ close(): Promise<void>; readonly port: number }> {
  const { dispatcher, app, tls, listeners, clock, random } = options;
  const serveRest = app as (request: unknown, response: unknown) => void;
  const servers: Server[] = [];
  try {
    for (const { address, port } of listeners) {
      const server = createServer({
        cert: tls.cert,
        key: tls.key,
        ca: tls.clientCa,
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: "TLSv1.2",
        ALPNProtocols: ["http/1.1"],
      });
      server.keepAliveTimeout = keepAliveMs;
      server.requestTimeout = 0;
      server.on("request", (request, response) => {
        const auditId = auditIdOf(request, random);
        if (dispatcher.dispatch(request, response, auditId)) return;
        response.setHeader(auditIdHeader, auditId);
        serveRest(request, response);
      });
      server.on("upgrade", (request, socket, head) => {
        const response = withoutUpgrade(request, socket);
        response.setHeader(auditIdHeader, auditIdOf(request, random));
        if (!dispatcher.upgrade(request, response, socket, head)) serveRest(request, response);
      });
      server.on("tlsClientError", () => undefined);
      await listen(server, address, port);
      servers.push(server);
    }
  } catch (error) {
    await Promise.all(servers.map((server) => closeServer(server, clock)));
    throw error;
  }
  const bound = servers[0]?.address();
  return {
    close: async () => {
      for (const server of servers) server.close();
      await dispatcher.drain(drainMs);
      await Promise.all(servers.map((server) => closeServer(server, clock)));
    },
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
  };
}

/** Each request has an id, the client's own or a new one, that its answer bears. */
function auditIdOf({ headers }: IncomingMessage, random: Random): string {
  const given = headers[auditIdHeader];
  return typeof given === "string" && auditIdPattern.test(given) ? given : random.uuid();
}

const auditIdPattern = /^[\x21-\x7e]{1,64}$/;

/** The answer to a request that asked for another protocol and gets HTTP all the same, with the connection closed behind it. */
function withoutUpgrade(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.assignSocket(socket as Socket);
  response.shouldKeepAlive = false;
  response.once("finish", () => socket.end());
  return response;
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Answers under way and watches that end with the server may finish their last words; whoever does not is cut off. */
async function closeServer(server: Server, clock: Clock): Promise<void> {
  const closed = new AbortController();
  server.close(() => closed.abort());
  const deadline = clock.monotonic() + lastWordsMs;
  while (!closed.signal.aborted && clock.monotonic() < deadline) {
    server.closeIdleConnections();
    await clock.sleep(pollMs, closed.signal).catch(() => undefined);
  }
  server.closeAllConnections();
  if (!closed.signal.aborted) await once(closed.signal, "abort");
}

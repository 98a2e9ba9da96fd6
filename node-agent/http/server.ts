import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { once } from "node:events";
import express, { type NextFunction, type Request, type Response } from "express";
import { StatusError } from "#api/status";
import type { AgentParts } from "../agent-parts.ts";
import type { PodManager } from "../pod-manager.ts";
import { refuseUpgrade, Sessions } from "./exec/sessions.ts";
import { serveContainerLogs } from "./container-logs.ts";

/** PEM. `ca` signs the clients that may come. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface AgentServerOptions {
  readonly tls: ServerTls;
  readonly address: string;
  readonly port: number;
  readonly parts: Pick<AgentParts, "directories" | "runtimeState" | "runtime" | "clock" | "log" | "signal">;
  readonly pods: Pick<PodManager, "find">;
}

/** Only the API server and administrators come here; everybody else goes through the API. */
const allowedUser = "kube-apiserver-kubelet-client";
const allowedGroup = "system:masters";

/** What the API server asks of a node. Without a client certificate of the cluster's CA there is no connection at all. */
export class AgentServer {
  readonly #options: AgentServerOptions;
  readonly #server: Server;
  readonly #sessions: Sessions;

  constructor(options: AgentServerOptions) {
    this.#options = options;
    const { cert, key, ca } = options.tls;
    const app = express();
    app.disable("x-powered-by");
    app.use(authorize);
    app.get("/healthz", (_request, response) => {
      response.type("text/plain").send("ok");
    });
    app.get("/containerLogs/:namespace/:pod/:container", (request, response) => serveContainerLogs(request, response, options));
    app.all(["/exec/*rest", "/attach/*rest"], () => {
      throw new StatusError("BadRequest", "Upgrade request required");
    });
    app.use(answerError(options.parts));
    this.#server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2" }, app);
    this.#server.keepAliveTimeout = 120_000;
    this.#sessions = new Sessions(options);
    this.#server.on("upgrade", (request, socket, head) => {
      if (isAllowed(request)) this.#sessions.serve(request, socket, head);
      else refuseUpgrade(socket, 403, forbidden(request));
    });
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#options.port, this.#options.address);
    await once(this.#server, "listening");
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#sessions.close();
    await closed;
  }
}

function authorize(request: Request, response: Response, next: NextFunction): void {
  if (isAllowed(request)) next();
  else response.status(403).type("text/plain").send(forbidden(request));
}

function isAllowed({ socket }: IncomingMessage): boolean {
  const { subject } = (socket as TLSSocket).getPeerCertificate();
  return subject.CN === allowedUser || [subject.O].flat().includes(allowedGroup);
}

function forbidden({ socket, method = "", url = "" }: IncomingMessage): string {
  const { subject } = (socket as TLSSocket).getPeerCertificate();
  return `Forbidden (user=${[subject.CN].flat().join()}, verb=${method}, path=${url.replace(/\?.*$/, "")})`;
}

function answerError({ log }: Pick<AgentParts, "log">) {
  return (error: unknown, _request: Request, response: Response, _next: NextFunction): void => {
    if (!(error instanceof StatusError)) log.error("a request failed", { error });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const status = error instanceof StatusError ? error : new StatusError("InternalError", "internal error");
    response.status(status.code).type("text/plain").send(status.message);
  };
}

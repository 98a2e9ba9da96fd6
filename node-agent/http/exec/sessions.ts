import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { StatusError } from "#api/status";
import { findContainer } from "../../pod-spec.ts";
import type { Container } from "../../runtime/runtime.ts";
import type { AgentServerOptions } from "../server.ts";
import type { ExecStreams, WantedStreams } from "./exec-streams.ts";
import { runAttach, runExec } from "./run-exec.ts";
import { checkSpdyProtocol, isSpdyUpgrade, spdyStreams } from "./spdy-streams.ts";
import { checkChannels, isWebSocketUpgrade, webSocketStreams } from "./web-socket-streams.ts";

type Options = Pick<AgentServerOptions, "parts" | "pods">;

/** `/exec/NAMESPACE/POD/CONTAINER`, and the same with `attach`, as kubelets have it. */
interface Target {
  readonly kind: "exec" | "attach";
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** What clients run in containers or attach to, from the upgrade of their connection until neither command nor connection is left. */
export class Sessions {
  readonly #options: Options;
  readonly #running = new Set<Promise<void>>();
  readonly #sockets = new Set<Duplex>();

  constructor(options: Options) {
    this.#options = options;
  }

  serve(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { log } = this.#options.parts;
    // Before anybody else listens: a client may be gone already.
    socket.on("error", () => undefined);
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    const session = this.#serve(request, socket, head).catch((error: unknown) => {
      if (!(error instanceof StatusError)) log.error("an exec failed", { error });
      const { code, message } = error instanceof StatusError ? error : new StatusError("InternalError", "internal error");
      refuseUpgrade(socket, code, message);
    });
    this.#running.add(session);
    void session.finally(() => this.#running.delete(session));
  }

  /** Cuts every session and waits until its command is gone. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#running);
  }

  async #serve(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const url = new URL(request.url ?? "/", "https://node");
    const target = targetOf(url.pathname);
    const command = url.searchParams.getAll("command");
    if (target.kind === "exec" && command.length === 0) throw new StatusError("BadRequest", "a command must be specified");
    const wanted = wantedStreams(url.searchParams);
    const { id } = await this.#runningContainer(target);
    const streams = await this.#streams(request, socket, head, wanted);
    if (streams === undefined) return;
    const { runtime, clock } = this.#options.parts;
    if (target.kind === "exec") await runExec(runtime, { containerId: id, command, tty: wanted.tty }, streams, clock);
    else await runAttach(runtime, { containerId: id }, streams, clock);
  }

  async #streams(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    wanted: WantedStreams,
  ): Promise<ExecStreams | undefined> {
    if (isWebSocketUpgrade(request)) {
      checkChannels(request);
      return webSocketStreams(request, socket, head, wanted);
    }
    if (!isSpdyUpgrade(request)) throw new StatusError("BadRequest", "unable to upgrade: the protocol is not known");
    checkSpdyProtocol(request);
    return spdyStreams(socket, head, wanted, this.#options.parts.clock);
  }

  /** The attempt that runs now. @throws StatusError with upstream's words */
  async #runningContainer({ namespace, pod: name, container }: Target): Promise<Container> {
    const { parts, pods } = this.#options;
    const pod = pods.find(namespace, name);
    if (pod === undefined) throw new StatusError("NotFound", "pod does not exist");
    const isNamed = findContainer(pod, container) !== undefined;
    const { containers } = await parts.runtimeState.fresh();
    const found = containers.find(
      (one) => isNamed && one.podUid === pod.metadata.uid && one.name === container && one.state === "running",
    );
    if (found === undefined) throw new StatusError("InternalError", `container not found (${JSON.stringify(container)})`);
    return found;
  }
}

/** Answers in HTTP and closes the connection. */
export function refuseUpgrade(socket: Duplex, code: number, message: string): void {
  if (socket.destroyed) return;
  const body = Buffer.from(message);
  const head = `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? ""}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(head), body]));
}

function targetOf(path: string): Target {
  const [kind, namespace = "", pod = "", container = ""] = path.split("/").slice(1).map(decodeURIComponent);
  if (kind !== "exec" && kind !== "attach") throw new StatusError("NotFound", "404 page not found");
  return { kind, namespace, pod, container };
}

/** @throws StatusError BadRequest, when there would be nothing to carry */
function wantedStreams(query: URLSearchParams): WantedStreams {
  const asks = (name: string): boolean => ["1", "true"].includes(query.get(name) ?? "");
  const tty = asks("tty");
  const wanted = { stdin: asks("input"), stdout: asks("output"), stderr: asks("error") && !tty, tty };
  if (wanted.stdin || wanted.stdout || wanted.stderr) return wanted;
  throw new StatusError("BadRequest", "you must specify at least 1 of stdin, stdout, stderr");
}

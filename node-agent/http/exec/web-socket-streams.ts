import type { IncomingMessage } from "node:http";
import { Readable, Writable, type Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import type { Status } from "#api/generated/types";
import { StatusError } from "#api/status";
import type { TerminalSize } from "../../runtime/runtime.ts";
import { parseTerminalSize, type ExecStreams, type WantedStreams } from "./exec-streams.ts";

/** Newest first. The fifth version lets a client end its stdin alone. */
const protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/** The first byte of each message. */
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const largestMessage = 32 * 1024 * 1024;
/** So much may wait on its way to the command or to the client. */
const highWaterMark = 64 * 1024;

const framing = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  maxPayload: largestMessage,
  handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
});

export function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/** @throws StatusError Forbidden, when the client speaks no version that is spoken here */
export function checkChannels({ headers }: IncomingMessage): void {
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((protocol) => protocol.trim());
  if (protocols.some((protocol) => offered.includes(protocol))) return;
  const words = `client supports [${offered.join(" ")}], server accepts [${protocols.join(" ")}]`;
  throw new StatusError("Forbidden", `unable to upgrade: unable to negotiate protocol: ${words}`);
}

/** Takes the connection over. */
export async function webSocketStreams(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
): Promise<ExecStreams> {
  const client = await new Promise<WebSocket>((resolve) => framing.handleUpgrade(request, socket, head, resolve));
  return new WebSocketStreams(client, wanted);
}

class WebSocketStreams implements ExecStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly #client: WebSocket;
  readonly #closed = new AbortController();
  readonly #sizes: TerminalSize[] = [];
  #inputEnded = false;
  #onResize = (size: TerminalSize): void => void this.#sizes.push(size);

  constructor(client: WebSocket, wanted: WantedStreams) {
    this.#client = client;
    if (wanted.stdin) this.stdin = new Readable({ highWaterMark, read: () => client.resume() });
    if (wanted.stdout) this.stdout = this.#output(channels.stdout);
    if (wanted.stderr) this.stderr = this.#output(channels.stderr);
    client.on("message", (data) => this.#received(bytesOf(data)));
    client.on("error", () => client.terminate());
    client.on("close", () => {
      this.#closed.abort();
      this.#endInput();
    });
    // Upstream's servers tell thus that the streams are there.
    const first = wanted.stdout ? channels.stdout : wanted.stderr ? channels.stderr : channels.error;
    client.send(Buffer.from([first]));
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  onResize(listener: (size: TerminalSize) => void): void {
    this.#onResize = listener;
    for (const size of this.#sizes.splice(0)) listener(size);
  }

  async finish(status: Status): Promise<void> {
    if (this.closed.aborted) return;
    await this.#send(channels.error, Buffer.from(JSON.stringify(status))).catch(() => undefined);
    const over = new Promise<void>((resolve) => {
      if (this.closed.aborted) resolve();
      else this.closed.addEventListener("abort", () => resolve(), { once: true });
    });
    // What of its input nobody read must not keep the client's own farewell from being seen.
    this.stdin?.unpipe();
    this.stdin?.resume();
    this.#client.close(1000);
    await over;
  }

  destroy(): void {
    this.#client.terminate();
  }

  ping(): void {
    if (!this.closed.aborted) this.#client.ping();
  }

  #received(message: Buffer): void {
    const [channel] = message;
    const payload = message.subarray(1);
    if (channel === channels.stdin) {
      this.#input(payload);
    } else if (channel === channels.resize) {
      const size = parseTerminalSize(payload.toString());
      if (size !== undefined) this.#onResize(size);
    } else if (channel === channels.close && payload[0] === channels.stdin) {
      this.#endInput();
    }
  }

  #input(payload: Buffer): void {
    const { stdin } = this;
    if (payload.length === 0 || stdin === undefined || this.#inputEnded) return;
    if (!stdin.push(payload)) this.#client.pause();
  }

  #endInput(): void {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.stdin?.push(null);
  }

  #output(channel: number): Writable {
    return new Writable({
      highWaterMark,
      write: (chunk: Uint8Array, _encoding, done) => {
        this.#send(channel, chunk).then(() => done(), done);
      },
    });
  }

  #send(channel: number, payload: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.send(Buffer.concat([Buffer.from([channel]), payload]), { binary: true }, (error) => {
        if (error instanceof Error) reject(error);
        else resolve();
      });
    });
  }
}

function bytesOf(data: RawData): Buffer {
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Uint8Array);
}

import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";

/** Where and as whom. PEM as node:tls takes it. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Answer {
  readonly status: number;
  /** Of the body as it came, without its framing. */
  readonly bytes: number;
}

export interface RequestOptions extends Listeners {
  /** Header lines besides Host and Content-Length. */
  readonly lines?: string;
  readonly body?: string;
}

interface Listeners {
  readonly onHead?: () => void;
  /** Is shown each piece of the body. */
  readonly onData?: (piece: Buffer) => void;
}

/**
 * One kept-alive HTTP/1.1 connection over TLS, one request at a time. It counts what it is sent and keeps nothing, so that the
 * processor is left to whoever answers: node:https would take as much of it as a server does.
 */
export class Connection {
  readonly #socket: TLSSocket;
  readonly #host: string;
  #reading: Reading | undefined;
  #failure: Error | undefined;

  private constructor(socket: TLSSocket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", (error: Error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  static open(target: Target): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(tlsOptions(target), () => {
        socket.off("error", reject);
        resolve(new Connection(socket, `${target.host}:${target.port}`));
      });
      socket.setNoDelay(true);
      socket.once("error", reject);
    });
  }

  request(method: string, path: string, { lines = "", body = "", ...listeners }: RequestOptions = {}): Promise<Answer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#reading = new Reading(resolve, reject, listeners);
      const length = method === "GET" ? "" : `content-length: ${Buffer.byteLength(body)}\r\n`;
      this.#socket.write(`${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n${lines}${length}\r\n${body}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#reading?.take(chunk) === true) this.#reading = undefined;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#reading?.reject(error);
    this.#reading = undefined;
  }
}

function tlsOptions({ host, port, ca, cert, key }: Target): ConnectionOptions {
  return {
    host,
    port,
    servername: "localhost",
    ALPNProtocols: ["http/1.1"],
    ...(ca === undefined ? { rejectUnauthorized: false } : { ca, checkServerIdentity: () => undefined }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

type State = "head" | "body" | "size" | "piece" | "piece end" | "trailer";

/** Follows the framing of one answer. */
class Reading {
  readonly #resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly #listeners: Listeners;
  #state: State = "head";
  #text = "";
  #left = 0;
  #status = 0;
  #bytes = 0;

  constructor(resolve: (answer: Answer) => void, reject: (error: Error) => void, listeners: Listeners) {
    this.#resolve = resolve;
    this.reject = reject;
    this.#listeners = listeners;
  }

  /** @returns whether the answer is complete. */
  take(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length;) {
      if (this.#state === "body" || this.#state === "piece") {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        this.#bytes += piece.length;
        this.#listeners.onData?.(piece);
        if (this.#left > 0) continue;
        if (this.#state === "body") return this.#complete();
        this.#state = "piece end";
        continue;
      }
      const end = this.#state === "head" ? chunk.indexOf("\r\n\r\n", at) : chunk.indexOf("\n", at);
      const length = this.#state === "head" ? 4 : 1;
      this.#text += chunk.toString("latin1", at, end === -1 ? chunk.length : end + length);
      if (end === -1) return false;
      at = end + length;
      const text = this.#text;
      this.#text = "";
      if (this.#framing(text)) return this.#complete();
    }
    return false;
  }

  /** @returns whether nothing follows. */
  #framing(text: string): boolean {
    switch (this.#state) {
      case "head": {
        this.#status = Number(text.slice(9, 12));
        this.#listeners.onHead?.();
        const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
        this.#state = length === undefined ? "size" : "body";
        this.#left = Number(length ?? 0);
        return length === "0";
      }
      case "size":
        this.#left = parseInt(text, 16);
        this.#state = this.#left === 0 ? "trailer" : "piece";
        return false;
      case "piece end":
        this.#state = "size";
        return false;
      default:
        return text.trim() === "";
    }
  }

  #complete(): boolean {
    this.#resolve({ status: this.#status, bytes: this.#bytes });
    return true;
  }
}

import type { IncomingMessage } from "node:http";
import type { Duplex, Readable, Writable } from "node:stream";
import type { Status } from "#api/generated/types";
import { StatusError } from "#api/status";
import type { Clock } from "#base/clock";
import type { TerminalSize } from "../../runtime/runtime.ts";
import { SpdyConnection, type SpdyStream } from "../spdy/spdy-connection.ts";
import { parseTerminalSize, type ExecStreams, type WantedStreams } from "./exec-streams.ts";

const protocol = "v4.channel.k8s.io";
/** For the client to open all its streams (upstream: DefaultStreamCreationTimeout). */
const openMs = 30_000;
/** For the client to hang up once it has been told the end. */
const farewellMs = 5000;

type StreamType = "error" | "stdin" | "stdout" | "stderr" | "resize";

export function isSpdyUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "spdy/3.1";
}

/** @throws StatusError Forbidden, as upstream words it */
export function checkSpdyProtocol({ headers }: IncomingMessage): void {
  const offered = String(headers["x-stream-protocol-version"] ?? "")
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  if (offered.includes(protocol)) return;
  const message = `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(" ")}], server accepts [${protocol}]`;
  throw new StatusError("Forbidden", message);
}

/** Takes the connection over. @returns undefined when the client does not open the streams it announced */
export async function spdyStreams(
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
  clock: Clock,
): Promise<ExecStreams | undefined> {
  const expected: StreamType[] = ["error"];
  for (const name of ["stdin", "stdout", "stderr"] as const) if (wanted[name]) expected.push(name);
  if (wanted.tty) expected.push("resize");
  if (head.length > 0) socket.unshift(head);
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\nx-stream-protocol-version: ${protocol}\r\n\r\n`,
  );
  const streams = new Map<StreamType, SpdyStream>();
  const settled = new AbortController();
  const connection = new SpdyConnection(socket, (stream) => {
    const type = stream.headers.get("streamtype") as StreamType;
    if (!expected.includes(type) || streams.has(type)) stream.destroy();
    else streams.set(type, stream);
    if (streams.size === expected.length) settled.abort();
  });
  await clock.sleep(openMs, AbortSignal.any([settled.signal, connection.closed])).catch(() => undefined);
  if (settled.signal.aborted) return new SpdyExecStreams(connection, streams, clock);
  connection.destroy();
  return undefined;
}

class SpdyExecStreams implements ExecStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly #connection: SpdyConnection;
  readonly #error: SpdyStream | undefined;
  readonly #clock: Clock;
  readonly #sizes: TerminalSize[] = [];
  #onResize = (size: TerminalSize): void => void this.#sizes.push(size);

  constructor(connection: SpdyConnection, streams: ReadonlyMap<StreamType, SpdyStream>, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    const [stdin, stdout, stderr] = [streams.get("stdin"), streams.get("stdout"), streams.get("stderr")];
    if (stdin !== undefined) this.stdin = stdin;
    if (stdout !== undefined) this.stdout = stdout;
    if (stderr !== undefined) this.stderr = stderr;
    this.#error = streams.get("error");
    // Of these nothing is expected but their end.
    for (const stream of [stdout, stderr, this.#error]) stream?.resume();
    streams.get("resize")?.on(
      "data",
      jsonReader((size) => this.#onResize(size)),
    );
  }

  get closed(): AbortSignal {
    return this.#connection.closed;
  }

  onResize(listener: (size: TerminalSize) => void): void {
    this.#onResize = listener;
    for (const size of this.#sizes.splice(0)) listener(size);
  }

  async finish(status: Status): Promise<void> {
    if (this.closed.aborted || this.#error === undefined) return;
    // What of its input nobody read must not hold up the client's farewell.
    this.stdin?.unpipe();
    this.stdin?.resume();
    const told = this.#error;
    await new Promise<void>((resolve) => told.end(JSON.stringify(status), () => resolve()));
    this.#connection.end();
    await this.#clock.sleep(farewellMs, this.closed).catch(() => undefined);
  }

  ping(): void {
    this.#connection.ping();
  }

  destroy(): void {
    this.#connection.destroy();
  }
}

/** Sizes come one behind the other, without anything between them but white space. */
function jsonReader(found: (size: TerminalSize) => void): (chunk: Buffer) => void {
  const longest = 1024;
  let text = "";
  return (chunk) => {
    text = (text + chunk.toString()).slice(-longest);
    for (let end = text.indexOf("}"); end !== -1; end = text.indexOf("}")) {
      const size = parseTerminalSize(text.slice(0, end + 1));
      text = text.slice(end + 1);
      if (size !== undefined) found(size);
    }
  };
}

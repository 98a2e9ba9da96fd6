import { Duplex } from "node:stream";
import { dataFrame, FrameReader, goAwayFrame, pingFrame, rstStreamFrame, synReplyFrame, type Frame } from "./frames.ts";
import { HeaderCodec, type SpdyHeaders } from "./header-block.ts";

/** One stream of a connection: both directions end by themselves. Destroying it resets it. */
export interface SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
}

const highWaterMark = 64 * 1024;
const mostStreams = 256;

/**
 * The server's end of a SPDY/3.1 connection. Every stream is the client's; a stream that nobody reads holds up the whole connection,
 * as there are no windows: Go's clients know none.
 */
export class SpdyConnection {
  readonly #socket: Duplex;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #codec = new HeaderCodec();
  readonly #streams = new Map<number, Stream>();
  readonly #closed = new AbortController();
  #lastStream = 0;
  #lastPing = 0;

  constructor(socket: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#socket = socket;
    this.#onStream = onStream;
    socket.once("close", () => this.#end());
    void this.#read();
  }

  /** Aborts when the connection is over. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  ping(): void {
    this.#lastPing += 2;
    if (!this.closed.aborted) this.#socket.write(pingFrame(this.#lastPing));
  }

  /** Says goodbye behind whatever was written, and closes. */
  end(): void {
    if (!this.closed.aborted) this.#socket.end(goAwayFrame(this.#lastStream));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #read(): Promise<void> {
    const frames = new FrameReader();
    try {
      for await (const chunk of this.#socket as AsyncIterable<Buffer>) {
        for (const frame of frames.read(chunk)) await this.#handle(frame);
      }
    } catch {
      // Whatever it is, there is no way to go on with what follows.
    } finally {
      this.#socket.destroy();
    }
  }

  async #handle(frame: Frame): Promise<void> {
    switch (frame.type) {
      case "synStream":
        return this.#accept(frame);
      case "data":
        return this.#received(frame);
      case "rstStream":
        this.#streams.get(frame.stream)?.wasReset();
        return;
      case "ping":
        // The server's own are even: this is an answer to one.
        if (frame.id % 2 === 1) this.#socket.write(pingFrame(frame.id));
        return;
      case "goAway":
      case "other":
        return;
    }
  }

  async #accept({ stream: id, last, headers }: Extract<Frame, { type: "synStream" }>): Promise<void> {
    const decoded = await this.#codec.decompress(headers);
    if (id <= this.#lastStream || id % 2 === 0) throw new Error(`stream ${id} is out of order`);
    this.#lastStream = id;
    if (this.#streams.size >= mostStreams) {
      this.#socket.write(rstStreamFrame(id, 3));
      return;
    }
    const stream = new Stream(id, decoded, {
      write: (bytes, done) => void this.#socket.write(bytes, done),
      gone: () => this.#streams.delete(id),
    });
    this.#streams.set(id, stream);
    if (last) stream.ended();
    this.#socket.write(synReplyFrame(id, await this.#codec.compress(new Map())));
    this.#onStream(stream);
  }

  async #received({ stream: id, bytes, last }: Extract<Frame, { type: "data" }>): Promise<void> {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    await stream.received(bytes);
    if (last) stream.ended();
  }

  #end(): void {
    this.#closed.abort();
    for (const stream of this.#streams.values()) stream.wasReset();
    this.#codec.close();
  }
}

interface StreamParent {
  write(bytes: Buffer, done: (error?: Error | null) => void): void;
  gone(): void;
}

class Stream extends Duplex implements SpdyStream {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly #parent: StreamParent;
  #wanted: () => void = () => undefined;
  #hasEnded = false;
  #wasReset = false;

  constructor(id: number, headers: SpdyHeaders, parent: StreamParent) {
    super({ highWaterMark, allowHalfOpen: true });
    this.id = id;
    this.headers = headers;
    this.#parent = parent;
    this.on("error", () => undefined);
  }

  /** Resolves when there is room for more. What comes for a stream that is over is dropped. */
  async received(bytes: Buffer): Promise<void> {
    if (this.destroyed || this.#hasEnded || bytes.length === 0 || this.push(bytes)) return;
    await new Promise<void>((resolve) => (this.#wanted = resolve));
  }

  ended(): void {
    if (this.#hasEnded || this.destroyed) return;
    this.#hasEnded = true;
    this.push(null);
  }

  /** The other side will neither send nor read any more. */
  wasReset(): void {
    this.#wasReset = true;
    this.destroy();
  }

  override _read(): void {
    this.#wanted();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#parent.write(dataFrame(this.id, chunk), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#parent.write(dataFrame(this.id, Buffer.alloc(0), true), done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#wanted();
    this.#parent.gone();
    const isOver = this.#wasReset || (this.#hasEnded && this.writableFinished);
    if (!isOver) this.#parent.write(rstStreamFrame(this.id, 5), () => undefined);
    done(error);
  }
}

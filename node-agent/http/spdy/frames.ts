/** The frames of SPDY/3.1 that streams between a client and a node need (SPDY Protocol, Draft 3.1, section 2.2). */
export type Frame =
  | { readonly type: "synStream"; readonly stream: number; readonly last: boolean; readonly headers: Buffer }
  | { readonly type: "rstStream"; readonly stream: number }
  | { readonly type: "ping"; readonly id: number }
  | { readonly type: "goAway" }
  /** A piece of a data frame: it is not waited for until it is whole. `last` ends the stream's direction. */
  | { readonly type: "data"; readonly stream: number; readonly last: boolean; readonly bytes: Buffer }
  /** Settings, window updates (Go's clients send none and heed none) and frames that no client of ours sends. */
  | { readonly type: "other" };

const types = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7 } as const;
const version = 3;
const finFlag = 1;
const headerLength = 8;
const largestControl = 64 * 1024;
const largestData = 0xffffff;

/** Cuts a connection's bytes into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  #data: { readonly stream: number; readonly last: boolean; left: number } | undefined;

  /** @throws Error on what is not SPDY */
  *read(chunk: Buffer): Generator<Frame> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) yield frame;
  }

  #next(): Frame | undefined {
    if (this.#data !== undefined) return this.#nextPiece(this.#data);
    if (this.#rest.length < headerLength) return undefined;
    const first = this.#rest.readUInt32BE(0);
    const flags = this.#rest.readUInt8(4);
    const length = this.#rest.readUIntBE(5, 3);
    if (first < 0x80000000) {
      this.#take(headerLength);
      this.#data = { stream: first, last: (flags & finFlag) !== 0, left: length };
      return this.#nextPiece(this.#data);
    }
    if (((first >>> 16) & 0x7fff) !== version) throw new Error("not a frame of SPDY/3");
    if (length > largestControl) throw new Error("a control frame is too large");
    if (this.#rest.length < headerLength + length) return undefined;
    this.#take(headerLength);
    return controlFrame(first & 0xffff, flags, this.#take(length));
  }

  #nextPiece(data: { readonly stream: number; readonly last: boolean; left: number }): Frame | undefined {
    if (this.#rest.length === 0 && data.left > 0) return undefined;
    const bytes = this.#take(Math.min(data.left, this.#rest.length));
    data.left -= bytes.length;
    if (data.left === 0) this.#data = undefined;
    return { type: "data", stream: data.stream, last: data.last && data.left === 0, bytes };
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}

function controlFrame(type: number, flags: number, payload: Buffer): Frame {
  const word = (at: number): number => {
    if (payload.length < at + 4) throw new Error("a control frame is cut short");
    return payload.readUInt32BE(at);
  };
  const stream = (): number => word(0) & 0x7fffffff;
  switch (type) {
    case types.synStream:
      return { type: "synStream", stream: stream(), last: (flags & finFlag) !== 0, headers: payload.subarray(10) };
    case types.rstStream:
      return { type: "rstStream", stream: stream() };
    case types.ping:
      return { type: "ping", id: word(0) };
    case types.goAway:
      return { type: "goAway" };
    default:
      return { type: "other" };
  }
}

export function synReplyFrame(stream: number, headers: Buffer): Buffer {
  return control(types.synReply, Buffer.concat([words(stream), headers]));
}

/** @param status 1 PROTOCOL_ERROR, 3 REFUSED_STREAM, 5 CANCEL */
export function rstStreamFrame(stream: number, status: 1 | 3 | 5): Buffer {
  return control(types.rstStream, words(stream, status));
}

export function pingFrame(id: number): Buffer {
  return control(types.ping, words(id));
}

export function goAwayFrame(lastStream: number): Buffer {
  return control(types.goAway, words(lastStream, 0));
}

export function dataFrame(stream: number, bytes: Uint8Array, last = false): Buffer {
  if (bytes.length > largestData) throw new Error("too much for one frame");
  const header = Buffer.alloc(headerLength);
  header.writeUInt32BE(stream);
  header.writeUInt8(last ? finFlag : 0, 4);
  header.writeUIntBE(bytes.length, 5, 3);
  return Buffer.concat([header, bytes]);
}

function control(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(headerLength);
  header.writeUInt16BE(0x8000 | version);
  header.writeUInt16BE(type, 2);
  header.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([header, payload]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value, 4 * index));
  return bytes;
}

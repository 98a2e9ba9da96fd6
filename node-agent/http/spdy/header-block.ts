import { constants, createDeflate, createInflate } from "node:zlib";
import { headerDictionary } from "./header-dictionary.ts";

/** Names in lower case. */
export type SpdyHeaders = ReadonlyMap<string, string>;

const mostBytes = 64 * 1024;

export function encodeHeaders(headers: SpdyHeaders): Buffer {
  const strings = [...headers].flat().map((text) => Buffer.from(text));
  return Buffer.concat([uint32(headers.size), ...strings.flatMap((bytes) => [uint32(bytes.length), bytes])]);
}

/** @throws Error when lengths and bytes disagree */
export function decodeHeaders(block: Buffer): SpdyHeaders {
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > block.length) throw new Error("a header block is cut short");
    at += length;
    return block.subarray(at - length, at);
  };
  const headers = new Map<string, string>();
  for (let left = take(4).readUInt32BE(); left > 0; left--) {
    const name = take(take(4).readUInt32BE()).toString().toLowerCase();
    headers.set(name, take(take(4).readUInt32BE()).toString());
  }
  return headers;
}

/** Both directions of one connection: each block is compressed against all that went before it, so that none may be left out. */
export class HeaderCodec {
  readonly #deflate = createDeflate({ dictionary: headerDictionary });
  readonly #inflate = createInflate({ dictionary: headerDictionary, finishFlush: constants.Z_SYNC_FLUSH });

  async compress(headers: SpdyHeaders): Promise<Buffer> {
    return through(this.#deflate, encodeHeaders(headers), (done) => this.#deflate.flush(constants.Z_SYNC_FLUSH, done));
  }

  /** @throws Error on what is not a header block of this connection, or too large */
  async decompress(block: Buffer): Promise<SpdyHeaders> {
    return decodeHeaders(await through(this.#inflate, block, (done) => this.#inflate.flush(constants.Z_SYNC_FLUSH, done)));
  }

  close(): void {
    this.#deflate.destroy();
    this.#inflate.destroy();
  }
}

function through(
  stream: ReturnType<typeof createDeflate> | ReturnType<typeof createInflate>,
  bytes: Buffer,
  flush: (done: () => void) => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (error?: Error): void => {
      stream.off("data", received).off("error", settle);
      if (error === undefined) resolve(Buffer.concat(chunks));
      else reject(error);
    };
    const received = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= mostBytes) chunks.push(chunk);
      else settle(new Error("a header block is too large"));
    };
    stream.on("data", received).on("error", settle);
    stream.write(bytes);
    flush(() => settle());
  });
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

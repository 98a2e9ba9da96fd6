import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip, gzip } from "node:zlib";
import type { ApiResponse, EncodedEvent } from "#api/request";
import type { Clock } from "#base/clock";
import { isTakenInTime } from "./slow-reader.ts";

export const auditIdHeader = "audit-id";

export interface WriteOptions {
  /** Its signal aborts when it has gone, and is looked at only when an answer has to wait. */
  readonly client: { readonly signal: AbortSignal };
  /** Of the request, where the response does not bear it yet. */
  readonly auditId?: string | undefined;
  /** What the client says that it takes. */
  readonly acceptEncoding?: string | string[] | undefined;
  /** For long lists: a client that takes nothing of one for a minute is ended. It holds all objects of the list in memory. */
  readonly clock?: Clock;
  /** For what lasts: a client that does not read is ended. */
  readonly watch?: WatchOptions | undefined;
}

export interface WatchOptions {
  readonly clock: Clock;
  /** Called after each batch. */
  readonly sent: (events: number) => void;
  /** Called when the client has stood still for too long and is ended. */
  readonly tooSlow: () => void;
}

/** From this size on an answer is compressed for who takes it, as upstream has it. */
const compressFrom = 128 * 1024;
/** The fastest: what counts is the time on the way, not the last percent. */
const level = 1;
const pieceSize = 64 * 1024;
/** As much goes out as text. */
const shortText = 16 * 1024;
/** As long as upstream lets a request take. */
const longestListStallMs = 60_000;

const gzipWhole = promisify<Uint8Array, { level: number }, Buffer>(gzip);

/** Writes an answer, no faster than the client reads it. Rejects when the client has gone. */
export async function writeResponse(response: ServerResponse, answer: ApiResponse, options: WriteOptions): Promise<void> {
  const head = headOf(answer, options);
  switch (answer.kind) {
    case "object":
      return writeWhole(response, head, answer.bytes(), options);
    case "list":
      return writeList(response, head, answer.chunks(), options);
    case "watch":
      response.writeHead(head.status, head.headers);
      response.flushHeaders();
      return writeWatch(response, answer.events, options);
    case "stream":
      response.writeHead(head.status, { ...head.headers, "content-type": answer.contentType });
      response.flushHeaders();
      for await (const chunk of answer.chunks) await write(response, chunk, options);
      response.end();
      return;
    case "upgrade":
      throw new Error("an upgrade is answered on the socket");
  }
}

interface Head {
  readonly status: number;
  readonly headers: Record<string, string | number | string[]>;
}

/** Headers that are given all at once cost half of what they do one by one. */
function headOf({ status, warnings, headers: own }: ApiResponse, { auditId }: WriteOptions): Head {
  const headers: Head["headers"] = { "cache-control": "no-cache, private", "content-type": "application/json", ...own };
  if (auditId !== undefined) headers[auditIdHeader] = auditId;
  if (warnings.length > 0) headers["warning"] = warnings.map(warningHeader);
  return { status, headers };
}

async function writeWatch(
  response: ServerResponse,
  events: AsyncIterable<readonly EncodedEvent[]>,
  options: WriteOptions,
): Promise<void> {
  const { client, watch } = options;
  for await (const batch of events) {
    for (const bytes of piecesOf(batch)) {
      if (response.destroyed) client.signal.throwIfAborted();
      if (response.write(bytes)) continue;
      const drained = once(response, "drain", { signal: client.signal });
      if (watch === undefined) await drained;
      else if (!(await isTakenInTime(drained, watch.clock))) {
        watch.tooSlow();
        // What it has of the last line is not all of it, and must not look so.
        response.destroy();
        return;
      }
    }
    watch?.sent(batch.length);
  }
  response.end();
}

/** Few enough bytes at a time to see whether the client takes them, however much there is at once. */
function* piecesOf(batch: readonly EncodedEvent[]): Generator<Uint8Array> {
  let piece: Uint8Array[] = [];
  let size = 0;
  for (const event of batch) {
    const bytes = event.bytes();
    piece.push(bytes);
    size += bytes.length;
    if (size < pieceSize) continue;
    yield joinedBytes(piece);
    piece = [];
    size = 0;
  }
  if (piece.length > 0) yield joinedBytes(piece);
}

function joinedBytes(piece: readonly Uint8Array[]): Uint8Array {
  const [first] = piece;
  return piece.length === 1 && first !== undefined ? first : Buffer.concat(piece);
}

async function writeWhole(response: ServerResponse, head: Head, bytes: Uint8Array, options: WriteOptions): Promise<void> {
  const { status, headers } = head;
  if (bytes.length > compressFrom) {
    headers["vary"] = "Accept-Encoding";
    if (acceptsGzip(options.acceptEncoding)) {
      const zipped = await gzipWhole(bytes, { level });
      options.client.signal.throwIfAborted();
      response.writeHead(status, { ...headers, "content-encoding": "gzip", "content-length": zipped.length });
      response.end(zipped);
      return;
    }
  }
  headers["content-length"] = bytes.length;
  response.writeHead(status, headers);
  // Text goes out in one write with the head before it; bytes take a second one.
  if (bytes.length <= shortText) response.end(latin1Of(bytes), "latin1");
  else response.end(bytes);
}

/** One character for each byte. */
function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** A short list goes out in one piece; a long one piece by piece, so that no write holds up everybody else. */
async function writeList(
  response: ServerResponse,
  head: Head,
  chunks: Iterable<Uint8Array>,
  options: WriteOptions,
): Promise<void> {
  const rest = chunks[Symbol.iterator]();
  const first: Uint8Array[] = [];
  let size = 0;
  while (size <= compressFrom) {
    const next = rest.next();
    if (next.done === true) return writeWhole(response, head, Buffer.concat(first), options);
    first.push(next.value);
    size += next.value.length;
  }
  const all = joined(first, rest);
  const headers = { ...head.headers, vary: "Accept-Encoding" };
  if (!acceptsGzip(options.acceptEncoding)) {
    response.writeHead(head.status, headers);
    for (const chunk of all) await writeSoon(response, chunk, options);
    response.end();
    return;
  }
  response.writeHead(head.status, { ...headers, "content-encoding": "gzip" });
  const zip = createGzip({ level, chunkSize: compressFrom });
  const source = Readable.from(all, { objectMode: true, highWaterMark: 1 });
  const sink = async (zipped: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of zipped) await writeSoon(response, chunk, options);
  };
  await pipeline(source, zip, sink, { signal: options.client.signal });
  response.end();
}

function* joined(first: readonly Uint8Array[], rest: Iterator<Uint8Array>): Generator<Uint8Array> {
  yield* first;
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value;
}

/** Whether gzip is among the encodings that the client takes, with more than quality 0. */
function acceptsGzip(header: string | string[] | undefined): boolean {
  const clauses = String(header ?? "").split(",");
  return clauses.some((clause) => /^\s*gzip\s*(;|$)/i.test(clause) && !/;\s*q=0(\.0*)?\s*$/i.test(clause));
}

async function write(response: ServerResponse, chunk: Uint8Array, { client }: WriteOptions): Promise<void> {
  if (response.destroyed) client.signal.throwIfAborted();
  if (!response.write(chunk)) await once(response, "drain", { signal: client.signal });
}

/** @throws Error when the client takes nothing of it for too long. */
async function writeSoon(response: ServerResponse, chunk: Uint8Array, { client, clock }: WriteOptions): Promise<void> {
  if (response.destroyed) client.signal.throwIfAborted();
  if (response.write(chunk)) return;
  const drained = once(response, "drain", { signal: client.signal });
  if (clock === undefined) await drained;
  else if (!(await isTakenInTime(drained, clock, longestListStallMs))) throw new Error("the client does not read its list");
}

/** RFC 7234 with code 299, as net.NewWarningHeader of apimachinery forms it. */
function warningHeader(text: string): string {
  const plain = text.replace(/[\u0000-\u001f\u007f]/g, " ").replace(/[\\"]/g, "\\$&");
  return `299 - "${Buffer.from(plain).toString("latin1")}"`;
}

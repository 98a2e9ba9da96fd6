import { createHash, type Hash } from "node:crypto";
import { compareKeys } from "../ordered-map.ts";
import { StorageError, type Dump, type DumpedEntry } from "../storage.ts";
import { ByteReader } from "./byte-reader.ts";
import { blockHeadLength, blockTypes, checksum, formatVersion, largestBlock, magic, type SnapshotHeader } from "./format.ts";

export interface SnapshotStatus extends SnapshotHeader {
  /** SHA-256 of what it holds, in hex. */
  readonly hash: string;
  /** Of the whole, in bytes. */
  readonly size: number;
}

/**
 * A snapshot as the dump that it was made of. The pages come to their end only when all of it was in order up to the last byte:
 * whoever acts on them before that must be able to take it back. @throws StorageError Corrupt, which says what is wrong with it
 */
export async function readSnapshot(bytes: AsyncIterable<Uint8Array>): Promise<Dump & { readonly header: SnapshotHeader }> {
  const snapshot = await SnapshotReader.open(bytes);
  const { header } = snapshot;
  return { header, revision: header.revision, count: header.count, pages: snapshot.pages() };
}

/** Reads all of it. @throws StorageError Corrupt */
export async function checkSnapshot(bytes: AsyncIterable<Uint8Array>): Promise<SnapshotStatus> {
  const snapshot = await SnapshotReader.open(bytes);
  const pages = snapshot.pages();
  while ((await pages.next()).done !== true);
  return { ...snapshot.header, hash: snapshot.hash, size: snapshot.size };
}

class SnapshotReader {
  readonly header: SnapshotHeader;
  hash = "";
  readonly #reader: ByteReader;
  readonly #hash: Hash;

  private constructor(header: SnapshotHeader, reader: ByteReader, hash: Hash) {
    this.header = header;
    this.#reader = reader;
    this.#hash = hash;
  }

  static async open(bytes: AsyncIterable<Uint8Array>): Promise<SnapshotReader> {
    const reader = new ByteReader(bytes);
    const start = await reader.read(magic.length);
    if (!magic.subarray(0, start.length).equals(start)) throw corrupt("this is no snapshot of a Skiff cluster");
    if (start.length < magic.length) throw cutOff(reader.position);
    const hash = createHash("sha256").update(start);
    const { type, payload, raw } = await readBlock(reader);
    hash.update(raw);
    if (type !== blockTypes.header) throw damagedAt(magic.length);
    return new SnapshotReader(headerOf(payload), reader, hash);
  }

  get size(): number {
    return this.#reader.position;
  }

  async *pages(): AsyncGenerator<readonly DumpedEntry[]> {
    let count = 0;
    let last = "";
    for (;;) {
      const at = this.#reader.position;
      const { type, payload, raw } = await readBlock(this.#reader);
      if (type === blockTypes.end) return this.#checkEnd(at, payload, count);
      if (type !== blockTypes.entries) throw damagedAt(at);
      this.#hash.update(raw);
      const entries = entriesIn(payload, at);
      for (const { key } of entries) {
        if (compareKeys(key, last) <= 0) throw damagedAt(at);
        last = key;
      }
      count += entries.length;
      yield entries;
    }
  }

  async #checkEnd(at: number, payload: Buffer, count: number): Promise<void> {
    const digest = this.#hash.digest();
    const isWhole = payload.length === 8 + digest.length && payload.readBigUInt64BE() === BigInt(count);
    if (!isWhole || count !== this.header.count || !payload.subarray(8).equals(digest)) throw damagedAt(at);
    const end = this.#reader.position;
    if ((await this.#reader.read(1)).length > 0)
      throw corrupt(`the snapshot ends at byte ${end}, and something was appended to it`);
    this.hash = digest.toString("hex");
  }
}

async function readBlock(reader: ByteReader): Promise<{ type: number; payload: Buffer; raw: Buffer }> {
  const at = reader.position;
  const head = await whole(reader, blockHeadLength);
  const length = head.readUInt32BE(1);
  if (!checksum(head.subarray(0, 5)).equals(head.subarray(5)) || length > largestBlock) throw damagedAt(at);
  const rest = await whole(reader, length + 4);
  const payload = rest.subarray(0, length);
  if (!checksum(payload).equals(rest.subarray(length))) throw damagedAt(at);
  return { type: head.readUInt8(0), payload, raw: Buffer.concat([head, rest]) };
}

async function whole(reader: ByteReader, length: number): Promise<Buffer> {
  const bytes = await reader.read(length);
  if (bytes.length < length) throw cutOff(reader.position);
  return bytes;
}

function headerOf(payload: Buffer): SnapshotHeader {
  const header = JSON.parse(payload.toString()) as SnapshotHeader;
  if (header.format === formatVersion) return header;
  throw corrupt(`the snapshot has format ${header.format}, and this version of Skiff reads format ${formatVersion}`);
}

function entriesIn(payload: Buffer, at: number): DumpedEntry[] {
  const entries: DumpedEntry[] = [];
  try {
    for (let next = 0; next < payload.length;) {
      const keyEnd = next + 4 + payload.readUInt32BE(next);
      const key = payload.subarray(next + 4, keyEnd).toString();
      const revision = payload.readDoubleBE(keyEnd);
      const seconds = payload.readUInt32BE(keyEnd + 8);
      const value = keyEnd + 16;
      next = value + payload.readUInt32BE(keyEnd + 12);
      if (next > payload.length) throw damagedAt(at);
      entries.push({
        key,
        value: payload.subarray(value, next),
        revision,
        ...(seconds > 0 && { expiresAfterSeconds: seconds }),
      });
    }
  } catch {
    throw damagedAt(at);
  }
  return entries;
}

function corrupt(message: string): StorageError {
  return new StorageError("Corrupt", message);
}

function damagedAt(position: number): StorageError {
  return corrupt(`the snapshot is damaged: what begins at byte ${position} is not what was written`);
}

function cutOff(position: number): StorageError {
  return corrupt(`the snapshot was cut off: it has ${position} bytes and no end`);
}

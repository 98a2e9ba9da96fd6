import { crc32 } from "node:zlib";
import type { Revision } from "../storage.ts";

/**
 * A snapshot is one stream of bytes, the same for every store:
 *
 * - `magic`, which a transfer as text would change;
 * - blocks, each its type (1 byte), the length of its payload (4), the CRC-32 of these five bytes (4), the payload, and the
 *   CRC-32 of the payload (4): first one header, then entries in key order, and one end;
 * - the payload of the header is JSON (`SnapshotHeader`); that of the end the number of entries (8) and the SHA-256 of all bytes
 *   before its block; an entry is the length of its key (4), the key, its revision (a double), the seconds it has left or 0 (4),
 *   the length of its value (4), and the value.
 *
 * Numbers are big endian. So every damage is found and told apart: any changed bit, a missing end, bytes behind the end.
 */
export const magic = Buffer.from("\x89skiff snapshot\r\n\x1a\n", "latin1");

export const formatVersion = 1;

export const blockTypes = { header: 0x48, entries: 0x45, end: 0x5a } as const;

export const blockHeadLength = 9;

/** Entries are gathered up to this size; one may be larger. What says to be much larger than any entry can be is no block. */
export const usualBlock = 256 * 1024;
export const largestBlock = 64 * 1024 * 1024;

export interface SnapshotHeader {
  readonly format: number;
  readonly revision: Revision;
  readonly count: number;
  /** RFC 3339. */
  readonly takenAt: string;
  readonly skiffVersion: string;
}

export function block(type: number, payload: Uint8Array): Buffer[] {
  const head = Buffer.alloc(blockHeadLength);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(payload.length, 1);
  head.writeUInt32BE(crc32(head.subarray(0, 5)), 5);
  return [head, Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), checksum(payload)];
}

export function checksum(bytes: Uint8Array): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum;
}

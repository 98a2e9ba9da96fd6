import { createHash } from "node:crypto";
import type { Dump, DumpedEntry } from "../storage.ts";
import { block, blockTypes, formatVersion, magic, usualBlock, type SnapshotHeader } from "./format.ts";

/** The bytes of a snapshot, as they are pulled. Fails where the dump does, and then lacks its end. */
export async function* writeSnapshot(
  { revision, count, pages }: Dump,
  { takenAt, skiffVersion }: Pick<SnapshotHeader, "takenAt" | "skiffVersion">,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  const hashed = (parts: readonly Uint8Array[]): Buffer => {
    const bytes = Buffer.concat(parts);
    hash.update(bytes);
    return bytes;
  };
  const header: SnapshotHeader = { format: formatVersion, revision, count, takenAt, skiffVersion };
  yield hashed([magic, ...block(blockTypes.header, Buffer.from(JSON.stringify(header)))]);
  let gathered: Buffer[] = [];
  let size = 0;
  let written = 0;
  for await (const page of pages) {
    for (const entry of page) {
      const bytes = encode(entry);
      gathered.push(bytes);
      size += bytes.length;
      written++;
      if (size < usualBlock) continue;
      yield hashed(block(blockTypes.entries, Buffer.concat(gathered)));
      gathered = [];
      size = 0;
    }
  }
  if (written !== count) throw new Error(`the store has ${count} entries, and ${written} of them were read`);
  if (size > 0) yield hashed(block(blockTypes.entries, Buffer.concat(gathered)));
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(written));
  yield Buffer.concat(block(blockTypes.end, Buffer.concat([number, hash.digest()])));
}

function encode({ key, value, revision, expiresAfterSeconds }: DumpedEntry): Buffer {
  const name = Buffer.from(key);
  const bytes = Buffer.alloc(4 + name.length + 8 + 4 + 4 + value.length);
  bytes.writeUInt32BE(name.length, 0);
  name.copy(bytes, 4);
  let at = 4 + name.length;
  at = bytes.writeDoubleBE(revision, at);
  at = bytes.writeUInt32BE(expiresAfterSeconds ?? 0, at);
  at = bytes.writeUInt32BE(value.length, at);
  bytes.set(value, at);
  return bytes;
}

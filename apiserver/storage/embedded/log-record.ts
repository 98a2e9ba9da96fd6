import type { Commit } from "../commit.ts";
import type { Change, Revision } from "../storage.ts";

const absent = 0xffffffff;

/**
 * One commit as it lies in the table `log`: for each change the key, the value, the previous value and the previous revision
 * (a double). Lengths are 32 bits, big endian; `absent` stands for a value that is not there.
 */
export function encodeChanges(changes: readonly Change[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { key, value, previous } of changes) {
    pushSized(parts, Buffer.from(key));
    pushSized(parts, value);
    pushSized(parts, previous?.value);
    const revision = Buffer.allocUnsafe(8);
    revision.writeDoubleBE(previous?.revision ?? 0);
    parts.push(revision);
  }
  return Buffer.concat(parts);
}

/** The values are views of `bytes`. */
export function decodeCommit(revision: Revision, bytes: Buffer): Commit {
  const changes: Change[] = [];
  let at = 0;
  const sized = (): Buffer | undefined => {
    const length = bytes.readUInt32BE(at);
    at += 4;
    if (length === absent) return undefined;
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = sized()?.toString() ?? "";
    const value = sized();
    const previous = sized();
    const previousRevision = bytes.readDoubleBE(at);
    at += 8;
    changes.push({
      key,
      ...(value && { value }),
      ...(previous && { previous: { key, value: previous, revision: previousRevision } }),
    });
  }
  return { revision, changes };
}

function pushSized(parts: Uint8Array[], value: Uint8Array | undefined): void {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(value === undefined ? absent : value.length);
  parts.push(length);
  if (value !== undefined) parts.push(value);
}

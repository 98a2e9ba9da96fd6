import { createHash } from "node:crypto";
import { Transform } from "node:stream";

export class DigestMismatch extends Error {
  override readonly name = "DigestMismatch";
}

/** Passes bytes on and fails at their end unless they have this digest and, when given, this size. */
export function verifyDigest(expected: string, size?: number): Transform {
  const hash = createHash("sha256");
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      seen += chunk.length;
      if (size !== undefined && seen > size) done(new DigestMismatch(`more than the ${size} bytes announced for ${expected}`));
      else done(null, chunk);
    },
    flush(done) {
      const actual = `sha256:${hash.digest("hex")}`;
      if (size !== undefined && seen !== size)
        done(new DigestMismatch(`${seen} bytes instead of the ${size} announced for ${expected}`));
      else if (actual !== expected) done(new DigestMismatch(`the content of ${expected} has the digest ${actual}`));
      else done();
    },
  });
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

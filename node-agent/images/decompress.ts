import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { Duplex } from "node:stream";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";

/** What a file really holds decides, not what its media type says. */
export async function openDecompressed(path: string): Promise<Readable> {
  const start = await firstBytes(path, 4);
  const file = createReadStream(path);
  if (start.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))) return through(file, createGunzip());
  if (start.equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))) return through(file, zstd());
  return file;
}

/** Node 20 cannot read zstd itself. */
function zstd(): Duplex {
  const child = spawn("zstd", ["--decompress", "--stdout", "--quiet"], { stdio: ["pipe", "pipe", "ignore"] });
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  child.on("error", () =>
    stream.destroy(new Error("a layer is compressed with zstd, and the program zstd is not installed (Debian: zstd)")),
  );
  child.on("exit", (code) => {
    if (code !== 0) stream.destroy(new Error("a layer is not a valid zstd stream"));
  });
  return stream;
}

/** A failure upstream shows downstream. */
function through(source: Readable, transform: Duplex): Readable {
  source.on("error", (error) => transform.destroy(error));
  transform.on("close", () => source.destroy());
  return source.pipe(transform);
}

async function firstBytes(path: string, count: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

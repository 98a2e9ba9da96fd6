import type { Readable } from "node:stream";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import type { Header } from "tar-stream";

/**
 * Gives every entry of a tar to `handle`, one after the other, with its content as a stream that may be left unread.
 * @throws what `handle` throws, and when the tar is cut short or no tar
 */
export async function readTar(tar: Readable, handle: (header: Header, content: Readable) => Promise<void>): Promise<void> {
  const entries = extract();
  let handled = Promise.resolve();
  entries.on("entry", (header, content, next) => {
    // One of Node's own, listened to from the first moment: a foreign stream that failed early would be waited for in vain.
    const entry = new PassThrough();
    pipeline(content as unknown as Readable, entry).catch(() => undefined);
    entry.on("error", () => undefined);
    handled = handle(header, entry);
    handled.then(
      () => {
        entry.resume();
        next();
      },
      (error: unknown) => next(error as Error),
    );
  });
  const read = pipeline(tar, entries);
  await read.catch(() => undefined);
  // Nothing may still be writing when the caller cleans up.
  await handled.catch((error: unknown) => read.catch(() => Promise.reject(error as Error)));
  await read;
}

import type { IncomingMessage } from "node:http";
import { StatusError } from "#api/status";

const bodyLimit = 3 * 1024 * 1024;

/** The whole body. @throws StatusError RequestEntityTooLarge as soon as it is more than a request may have. */
export async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > bodyLimit) throw new StatusError("RequestEntityTooLarge", `Request entity too large: limit is ${bodyLimit}`);
    chunks.push(chunk);
  }
  const [only] = chunks;
  if (only === undefined) return undefined;
  return chunks.length === 1 ? only : Buffer.concat(chunks);
}

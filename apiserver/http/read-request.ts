import type { IncomingMessage } from "node:http";
import { StatusError } from "#api/status";

const bodyLimit = 3 * 1024 * 1024;

/** The whole body. @throws StatusError RequestEntityTooLarge as soon as it is more than a request may have. */
export function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= bodyLimit) return;
      request.pause();
      request.removeAllListeners("data");
      reject(new StatusError("RequestEntityTooLarge", `Request entity too large: limit is ${bodyLimit}`));
    });
    request.once("end", () => resolve(chunks.length > 1 ? Buffer.concat(chunks) : chunks[0]));
    request.once("error", reject);
    request.once("close", () => {
      if (!request.complete) reject(new Error("the client went away in the middle of its request"));
    });
  });
}

import { once } from "node:events";
import type { Response } from "express";
import { StatusError } from "#api/status";
import { timestamp, type Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import { packageVersion } from "#base/package-version";
import { writeSnapshot } from "../storage/snapshot/write-snapshot.ts";
import { StorageError, type Storage } from "../storage/storage.ts";
import { isTakenInTime } from "./slow-reader.ts";

/** Whoever may get this has every Secret: by the policy only `system:masters`. */
export const snapshotPath = "/debug/snapshot";

/** Answers with everything that is stored, at one revision, as it lies there. What breaks off lacks its end, and no reader takes it. */
export async function sendSnapshot(
  response: Response,
  { storage, clock, log }: { readonly storage: Storage; readonly clock: Clock; readonly log: Logger },
): Promise<void> {
  const left = new AbortController();
  response.once("close", () => left.abort(new Error("the client has left")));
  try {
    const dump = await storage.dump("/registry/");
    const chunks = writeSnapshot(dump, { takenAt: timestamp(clock.now()), skiffVersion: packageVersion() });
    response.writeHead(200, { "content-type": "application/octet-stream", "cache-control": "no-cache, private" });
    for await (const chunk of chunks) {
      left.signal.throwIfAborted();
      if (response.write(chunk)) continue;
      const drained = once(response, "drain", { signal: left.signal });
      // Meanwhile the store keeps history for it.
      if (!(await isTakenInTime(drained, clock))) throw new Error("its client does not read");
    }
    response.end();
  } catch (error) {
    if (!response.headersSent) throw error instanceof StorageError ? unavailable(error) : error;
    if (!left.signal.aborted) log.error("a snapshot broke off", { error });
    response.destroy();
  }
}

function unavailable(cause: StorageError): StatusError {
  return new StatusError("ServiceUnavailable", `the store cannot be read: ${cause.message}`, {}, { cause });
}

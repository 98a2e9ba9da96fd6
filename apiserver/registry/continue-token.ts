import { StatusError } from "#api/status";

const tokenVersion = "meta.k8s.io/v1";

/** A page of what is there now, for a list whose first page can no longer be read at its revision. */
export const inconsistent = -1;

/** Where the next page begins, and at which revision it is read. Opaque to clients. */
export function continueToken(revision: number, after: string): string {
  return Buffer.from(JSON.stringify({ v: tokenVersion, rv: revision, start: after })).toString("base64url");
}

/** @throws StatusError BadRequest */
export function parseContinueToken(token: string): { revision: number; after: string } {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(token, "base64url").toString()) as {
      v?: unknown;
      rv?: unknown;
      start?: unknown;
    };
    if (v === tokenVersion && typeof rv === "number" && typeof start === "string") return { revision: rv, after: start };
  } catch {
    // Said below, in the words a client knows.
  }
  throw new StatusError("BadRequest", "continue key is not valid: it was not made by this server");
}

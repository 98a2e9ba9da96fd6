import { hasReason, StatusError } from "#api/status";

/** Whether a write that failed so may have been done, or may yet be: the server did not get to say that it was not. */
export function mayHaveHappened(error: unknown): boolean {
  return !(error instanceof StatusError) || hasReason(error, "ServiceUnavailable", "Timeout", "ServerTimeout", "InternalError");
}

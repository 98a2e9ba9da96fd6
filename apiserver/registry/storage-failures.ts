import type { ResourceType } from "#api/resource-type";
import { alreadyExists, StatusError } from "#api/status";
import { hasStorageReason, StorageError } from "../storage/storage.ts";

/** What a client is told when the store fails. Conflicts are the caller's: it knows whether to try again. */
export function statusOfStorageError(error: unknown, type: ResourceType, name: string): unknown {
  if (!(error instanceof StorageError)) return error;
  switch (error.reason) {
    case "AlreadyExists":
      return alreadyExists(type, name);
    case "Expired":
      return new StatusError("Expired", "The resourceVersion for the provided list is too old.", {}, { cause: error });
    case "OutcomeUnknown":
      return new StatusError(
        "Timeout",
        "request timed out: whether the write took effect is not known, read before writing again",
        {},
        { cause: error },
      );
    case "NoSpace":
      // As upstream answers for etcd: an error at once. One to be retried would leave its client waiting for somebody to make room.
      return new StatusError(
        "InternalError",
        `Internal error occurred: the store is full: ${error.message}`,
        {},
        { cause: error },
      );
    case "Unreadable":
      return new StatusError("InternalError", `Internal error occurred: ${error.message}`, {}, { cause: error });
    case "TooLarge":
      return new StatusError("RequestEntityTooLarge", `Request entity too large: ${error.message}`, {}, { cause: error });
    case "Unavailable":
      return new StatusError(
        "ServiceUnavailable",
        `the store cannot be reached: ${error.message}`,
        { retryAfterSeconds: 1 },
        { cause: error },
      );
    default:
      return error;
  }
}

/** Of a write, also after it was put into words for clients. */
export function isOutcomeUnknown(error: unknown): boolean {
  return hasStorageReason(error, "OutcomeUnknown") || (error instanceof Error && hasStorageReason(error.cause, "OutcomeUnknown"));
}

import pc from "picocolors";
import { StatusError } from "#api/status";
import { CommandFailure } from "#cluster/failure";

/** Says in one line what went wrong and what to do. Only what nobody expected comes with its stack. @returns the exit code */
export function reportFailure(error: unknown): number {
  console.error(`${pc.red("error:")} ${failureText(error)}`);
  return 1;
}

export function failureText(error: unknown): string {
  if (error instanceof CommandFailure || error instanceof StatusError) return error.message;
  const { code, path } = error as NodeJS.ErrnoException;
  switch (code) {
    case "ENOSPC":
      return `no space left on the disk${path === undefined ? "" : ` that holds ${path}`}: free some and run the same command again`;
    case "EACCES":
    case "EPERM":
      return `not allowed to use ${path ?? "something it needs"}: run it with sudo, or choose another folder with --state-dir`;
    case "EROFS":
      return `${path ?? "the state folder"} is on a read-only file system: choose another folder with --state-dir`;
    default:
      return isExpected(error)
        ? error.message
        : `unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

/** Errors of the parts below that are made for people: they have a name of their own and say what to do. */
function isExpected(error: unknown): error is Error {
  return error instanceof Error && ["ImageError", "RuntimeError", "StorageError", "CommandError"].includes(error.name);
}

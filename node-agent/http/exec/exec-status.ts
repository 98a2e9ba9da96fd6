import type { Status } from "#api/generated/types";
import { StatusError } from "#api/status";

/** What the last channel of an exec says of its exit code (upstream: remotecommand.NonZeroExitCodeReason, ExitCodeCauseType). */
export function exitStatus(code: number): Status {
  if (code === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}

/** Of what failed before there was an exit code. */
export function failureStatus(error: unknown, doing = "executing command in"): Status {
  const message = `Internal error occurred: error ${doing} container: ${(error as Error).message}`;
  return new StatusError("InternalError", message, { causes: [{ message: (error as Error).message }] }).toStatus();
}

import { StatusError } from "#api/status";

/** Ends a command with one line, `error: MESSAGE`. */
export class CliError extends Error {
  override readonly name = "CliError";
}

/** A command line that cannot be meant. Where to read on follows the message. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

/** Printed as it is, without `error:`. */
export class PlainError extends Error {
  override readonly name = "PlainError";
}

/** What failed for some of the things a command was to do; the rest is done. */
export class SeveralErrors extends Error {
  override readonly name = "SeveralErrors";
  readonly errors: readonly unknown[];

  constructor(errors: readonly unknown[]) {
    super(`${errors.length} errors`);
    this.errors = errors;
  }
}

/** @throws the only error itself, or all of them in one. */
export function throwAll(errors: readonly unknown[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new SeveralErrors(errors);
}

/** The same refusal, with what it is about said before it, e.g. the file. */
export function withContext(error: unknown, context: string): unknown {
  if (!(error instanceof StatusError)) return error;
  const { reason, message, details, code, cause } = error;
  return new StatusError(reason, `${context}: ${message}`, details, { code, cause });
}

/** What a command prints on its error output when it ends with this error, as kubectl words it. @returns undefined for an error nobody expected */
export function textOfFailure(error: unknown): string | undefined {
  if (error instanceof SeveralErrors) {
    const texts = error.errors.map(textOfFailure);
    return texts.includes(undefined) ? undefined : texts.join("\n");
  }
  if (error instanceof StatusError) return textOfStatus(error);
  if (error instanceof PlainError) return error.message;
  if (error instanceof UsageError) return `error: ${error.message}${error.hint === "" ? "" : `\n${error.hint}`}`;
  return error instanceof CliError ? `error: ${error.message}` : undefined;
}

function textOfStatus(error: StatusError): string {
  const unreachable = textOfUnreachable(error);
  if (unreachable !== undefined) return unreachable;
  if (error.reason === "Unauthorized") return `error: You must be logged in to the server (${error.message})`;
  if (error.reason === "Invalid") return textOfInvalid(error);
  return `Error from server (${error.reason}): ${error.message}`;
}

function textOfInvalid({ message, details }: StatusError): string {
  const { kind = "", name = "", causes = [] } = details;
  const named = kind !== "" || name !== "";
  const about = named ? `The ${kind} ${JSON.stringify(name)} is invalid` : "The request is invalid";
  const lines = [
    ...new Set(
      causes.map((cause) => (cause.field === undefined || cause.field === "" ? "" : `${cause.field}: `) + (cause.message ?? "")),
    ),
  ];
  if (lines.length === 0) return named || message === "" ? about : `${about}: ${message}`;
  return lines.length === 1 ? `${about}: ${lines.join("")}` : [`${about}: `, ...lines.map((line) => `* ${line}`)].join("\n");
}

/** No server answered: say which, in the words people search for. */
function textOfUnreachable(error: StatusError): string | undefined {
  if (error.reason !== "ServiceUnavailable" || !(error.cause instanceof Error)) return undefined;
  const [, server = ""] = /^(\S+) cannot be reached/.exec(error.message) ?? [];
  const host = URL.canParse(server) ? new URL(server).host : server;
  if ((error.cause as NodeJS.ErrnoException).code === "ECONNREFUSED") {
    return `The connection to the server ${host} was refused - did you specify the right host or port?`;
  }
  return `Unable to connect to the server: ${error.cause.message}`;
}

import type { ListMeta, Status, StatusCause, StatusDetails } from "./generated/types.ts";

/** The reasons of metav1.StatusReason and the HTTP code each goes with. The only such table. */
const codes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
  ServerTimeout: 500,
} as const;

export type StatusReason = keyof typeof codes;

export interface StatusErrorOptions extends ErrorOptions {
  /** Where it is not the reason's own. */
  readonly code?: number;
  readonly metadata?: ListMeta;
}

/**
 * The only error that crosses a component boundary. Clients act on `reason` and `details`; `message` is for people and is worded
 * as upstream words it.
 */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly reason: StatusReason;
  readonly code: number;
  readonly details: StatusDetails;
  /** Where a list that broke off could go on. */
  readonly metadata: ListMeta;

  constructor(reason: StatusReason, message: string, details: StatusDetails = {}, options?: StatusErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.code = options?.code ?? codes[reason];
    this.details = details;
    this.metadata = options?.metadata ?? {};
  }

  toStatus(): Status {
    const { reason, code, details, message, metadata } = this;
    const hasDetails = Object.keys(details).length > 0;
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata,
      status: "Failure",
      message,
      reason,
      ...(hasDetails && { details }),
      code,
    };
  }
}

/** The error a server's `Status` stands for. An unknown reason is taken from the code, so that callers can rely on the table. */
export function errorFromStatus(status: Status): StatusError {
  const code = status.code ?? 500;
  const reason = isReason(status.reason) ? status.reason : reasonOf(code);
  return new StatusError(reason, status.message ?? "", status.details ?? {}, {
    code,
    metadata: (status as Partial<Status>).metadata ?? {},
  });
}

export function hasReason(error: unknown, ...reasons: StatusReason[]): error is StatusError {
  return error instanceof StatusError && reasons.includes(error.reason);
}

function isReason(reason: string | undefined): reason is StatusReason {
  return reason !== undefined && reason in codes;
}

function reasonOf(code: number): StatusReason {
  const known = Object.entries(codes).find(([, other]) => other === code);
  return (known?.[0] ?? "InternalError") as StatusReason;
}

/** `pods "web-1" not found`, with the group after the plural outside the core group. */
export function notFound(type: { group: string; resource: string }, name: string): StatusError {
  return new StatusError("NotFound", `${qualified(type)} "${name}" not found`, { ...detailsOf(type), name });
}

export function alreadyExists(type: { group: string; resource: string }, name: string): StatusError {
  return new StatusError("AlreadyExists", `${qualified(type)} "${name}" already exists`, { ...detailsOf(type), name });
}

export function conflict(type: { group: string; resource: string }, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${why}`;
  return new StatusError("Conflict", message, { ...detailsOf(type), name });
}

/** 422 with one cause for each field, as field.ErrorList words it. */
export function invalid(type: { group: string; kind: string }, name: string, causes: readonly StatusCause[]): StatusError {
  const kind = type.group === "" ? type.kind : `${type.kind}.${type.group}`;
  const each = causes.map((cause) => `${cause.field ?? ""}: ${cause.message ?? ""}`);
  const text = each.length === 1 ? each.join() : `[${each.join(", ")}]`;
  const details = { name, ...(type.group !== "" && { group: type.group }), kind: type.kind, causes };
  return new StatusError("Invalid", `${kind} "${name}" is invalid: ${text}`, details);
}

function qualified(type: { group: string; resource: string }): string {
  return type.group === "" ? type.resource : `${type.resource}.${type.group}`;
}

function detailsOf(type: { group: string; resource: string }): StatusDetails {
  return type.group === "" ? { kind: type.resource } : { group: type.group, kind: type.resource };
}

import type { StatusError } from "#api/status";

/** The namespace is going, and what was to be made with it: not worth a word. */
export function isNamespaceTerminating(error: StatusError): boolean {
  return error.details.causes?.some((cause) => cause.reason === "NamespaceTerminating") ?? false;
}

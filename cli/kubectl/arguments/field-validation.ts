import { CliError } from "../failures.ts";
import type { Flag, Flags } from "./flags.ts";

export const validateFlag: Flag = {
  name: "validate",
  type: "string",
  fallback: "strict",
  bare: "strict",
  help: "Unknown and duplicate fields: strict refuses, warn warns of, ignore drops them.",
};

/** What the server is to do about unknown fields. @throws CliError */
export function fieldValidationOf(flags: Flags): "Strict" | "Warn" | "Ignore" {
  const value = flags.string("validate");
  switch (value) {
    case "strict":
    case "true":
      return "Strict";
    case "warn":
      return "Warn";
    case "ignore":
    case "false":
      return "Ignore";
    default:
      throw new CliError(
        `invalid - validate option ${JSON.stringify(value)}; must be one of: strict (or true), warn, ignore (or false)`,
      );
  }
}

import { CliError } from "../failures.ts";
import type { Flags } from "./flags.ts";

export type DryRun = "none" | "client" | "server";

/** @throws CliError */
export function dryRunOf(flags: Flags): DryRun {
  const value = flags.string("dry-run");
  if (value === "none" || value === "client" || value === "server") return value;
  if (value === "unchanged") {
    throw new CliError(`--dry-run needs a value: client, server or none`);
  }
  throw new CliError(`Invalid dry-run value (${value}). Must be "none", "server", or "client".`);
}

/** Behind the words that say what was done. */
export function dryRunSuffix(dryRun: DryRun): string {
  return dryRun === "client" ? " (dry run)" : dryRun === "server" ? " (server dry run)" : "";
}

import type { Flag, Flags } from "./arguments/flags.ts";
import type { Session } from "./session.ts";
import type { Clock } from "#base/clock";
import type { Streams } from "./streams.ts";

/** One command that works on the objects of any cluster, as kubectl has it. */
export interface ObjectCommand {
  /** `get`, `rollout status`. */
  readonly name: string;
  readonly summary: string;
  /** What follows the name in a usage line. */
  readonly usage: string;
  /** Pairs of what is wanted and the command that does it. */
  readonly examples: readonly (readonly [what: string, command: string])[];
  readonly flags: readonly Flag[];
  /** @returns the exit code, 0 when absent. @throws what `textOfFailure` knows */
  run(context: CommandContext): Promise<number | undefined>;
}

export interface CommandContext {
  readonly arguments: readonly string[];
  readonly flags: Flags;
  readonly session: Session;
  readonly streams: Streams;
  readonly clock: Clock;
  /** Aborts when the person at the terminal has had enough. */
  readonly signal: AbortSignal;
}

import { systemClock } from "#base/clock";
import type { Environment } from "../environment.ts";
import { parseArguments } from "./arguments/flags.ts";
import type { ObjectCommand } from "./command.ts";
import { UsageError, textOfFailure } from "./failures.ts";
import { helpOf, helpOfGroup } from "./help.ts";
import { loadCommand, subcommandsOf } from "./registry.ts";
import { openSession, sessionFlags } from "./session.ts";
import type { Streams } from "./streams.ts";

/** Runs `skiff NAME …` for one of the commands that work on objects. @returns the exit code, when all that it started has ended */
export async function runObjectCommand(
  name: string,
  argv: readonly string[],
  { env, streams, signal }: { readonly env: Environment; readonly streams: Streams; readonly signal: AbortSignal },
): Promise<number> {
  try {
    const commands = await loadCommand(name);
    const [first] = commands;
    if (first === undefined) throw new UsageError(`unknown command ${JSON.stringify(name)}`, "Run 'skiff --help' for usage.");
    if (subcommandsOf(name)) return await runGroup(name, commands, argv, { env, streams, signal });
    return await runOne(first, argv, { env, streams, signal });
  } catch (error) {
    if (signal.aborted) return 130;
    const text = textOfFailure(error);
    if (text === undefined) throw error;
    streams.err(`${text}\n`);
    return 1;
  }
}

interface Surroundings {
  readonly env: Environment;
  readonly streams: Streams;
  readonly signal: AbortSignal;
}

async function runGroup(
  name: string,
  commands: readonly ObjectCommand[],
  argv: readonly string[],
  around: Surroundings,
): Promise<number> {
  const at = argv.findIndex((word) => !word.startsWith("-"));
  const command = commands.find((candidate) => candidate.name === `${name} ${argv[at] ?? ""}`);
  if (command !== undefined) return runOne(command, argv.toSpliced(at, 1), around);
  if (at !== -1)
    throw new UsageError(`unknown command ${JSON.stringify(argv[at])}`, `See 'skiff ${name} -h' for help and examples`);
  around.streams.out(helpOfGroup(name, commands));
  return 0;
}

async function runOne(command: ObjectCommand, argv: readonly string[], { env, streams, signal }: Surroundings): Promise<number> {
  const { arguments: words, flags } = parseArguments([...command.flags, ...sessionFlags], argv, command.name);
  if (flags.bool("help")) {
    streams.out(helpOf(command));
    return 0;
  }
  const session = openSession(flags, env, streams);
  try {
    return (await command.run({ arguments: words, flags, session, streams, clock: systemClock, signal })) ?? 0;
  } finally {
    session.client.close();
  }
}

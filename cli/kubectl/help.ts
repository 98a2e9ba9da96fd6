import type { Flag } from "./arguments/flags.ts";
import type { ObjectCommand } from "./command.ts";
import { sessionFlags } from "./session.ts";

/** What `skiff COMMAND --help` prints. */
export function helpOf(command: ObjectCommand): string {
  const examples = command.examples.map(([what, line]) => `  # ${what}\n  skiff ${line}`).join("\n\n");
  return (
    [
      `${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}.`,
      `Usage:\n  skiff ${command.name} ${command.usage}`.trimEnd(),
      ...(examples === "" ? [] : [`Examples:\n${examples}`]),
      ...(command.flags.length === 0 ? [] : [`Options:\n${flagsText(command.flags)}`]),
      `Which cluster:\n${flagsText(sessionFlags)}`,
      "",
    ]
      .join("\n\n")
      .trimEnd() + "\n"
  );
}

/** For a command that only groups others, e.g. `rollout`. */
export function helpOfGroup(name: string, commands: readonly ObjectCommand[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  const lines = commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
  return `Usage:\n  skiff ${name} SUBCOMMAND [options]\n\nCommands:\n${lines.join("\n")}\n\nskiff ${name} SUBCOMMAND --help says more.\n`;
}

function flagsText(flags: readonly Flag[]): string {
  const lines = flags.map((flag) => [usageOf(flag), describe(flag)] as const);
  const width = Math.max(...lines.map(([usage]) => usage.length));
  return lines.map(([usage, help]) => `  ${usage.padEnd(width)}  ${help}`).join("\n");
}

function usageOf({ name, short, type }: Flag): string {
  const value = type === "bool" ? "" : type === "strings" ? " value,…" : ` ${type}`;
  return `${short === undefined ? "   " : `-${short},`} --${name}${value}`;
}

function describe({ help, fallback, type }: Flag): string {
  const shown = fallback !== undefined && fallback !== "" && !(type === "duration" && fallback === "0s") && fallback !== "-1";
  return shown ? `${help} (default ${fallback})` : help;
}

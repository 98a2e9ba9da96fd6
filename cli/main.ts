import { Command, CommanderError } from "commander";
import { packageVersion } from "#base/package-version";
import { addRunCommands } from "./commands/run-commands.ts";
import { addObjectCommandsToHelp, runsOnObjects } from "./kubectl/registry.ts";
import { reportFailure } from "./report-failure.ts";

const [, , name = "", ...rest] = process.argv;
if (runsOnObjects(name, rest)) {
  const { main } = await import("./kubectl/main.ts");
  // Ends the process.
  await main(name, rest, process.env).catch((error: unknown) => process.exit(reportFailure(error)));
}

const program = new Command("skiff")
  .description("Kubernetes in TypeScript: a cluster of real nodes on this machine, in a second.")
  .version(packageVersion())
  .showHelpAfterError("(skiff --help lists the commands)")
  .exitOverride();

addRunCommands(program, process.env);
// What runs for long loads nothing that only commands need: it would keep it in memory.
if (name !== "run") {
  const { addClusterCommands } = await import("./commands/cluster-commands.ts");
  const { addDemoCommand } = await import("./commands/demo-command.ts");
  const { addImageCommands } = await import("./commands/image-commands.ts");
  const { addSnapshotCommands } = await import("./commands/snapshot-commands.ts");
  addClusterCommands(program, process.env);
  addDemoCommand(program, process.env);
  addImageCommands(program, process.env);
  addSnapshotCommands(program, process.env);
  addObjectCommandsToHelp(program);
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : reportFailure(error);
}
// A keep-alive connection must not hold a finished command.
if (!program.args.includes("run")) process.exit();

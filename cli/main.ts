import { Command, CommanderError } from "commander";
import { addRunCommands } from "./commands/run-commands.ts";
import { reportFailure } from "./report-failure.ts";
import { packageVersion } from "./version.ts";

const program = new Command("skiff")
  .description("Kubernetes in TypeScript: a cluster of real nodes on this machine, in a second.")
  .version(packageVersion())
  .showHelpAfterError("(skiff --help lists the commands)")
  .exitOverride();

addRunCommands(program, process.env);
// What runs for long loads nothing that only commands need: it would keep it in memory.
if (process.argv[2] !== "run") {
  const { addClusterCommands } = await import("./commands/cluster-commands.ts");
  const { addDemoCommand } = await import("./commands/demo-command.ts");
  const { addImageCommands } = await import("./commands/image-commands.ts");
  addClusterCommands(program, process.env);
  addDemoCommand(program, process.env);
  addImageCommands(program, process.env);
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : reportFailure(error);
}
// A keep-alive connection must not hold a finished command.
if (!program.args.includes("run")) process.exit();

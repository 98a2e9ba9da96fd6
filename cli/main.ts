import { Command, CommanderError } from "commander";
import { addClusterCommands } from "./commands/cluster-commands.ts";
import { addDemoCommand } from "./commands/demo-command.ts";
import { addImageCommands } from "./commands/image-commands.ts";
import { addRunCommands } from "./commands/run-commands.ts";
import { reportFailure } from "./report-failure.ts";
import { packageVersion } from "./version.ts";

const program = new Command("skiff")
  .description("Kubernetes in TypeScript: a cluster of real nodes on this machine, in a second.")
  .version(packageVersion())
  .showHelpAfterError("(skiff --help lists the commands)")
  .exitOverride();

addClusterCommands(program, process.env);
addDemoCommand(program, process.env);
addImageCommands(program, process.env);
addRunCommands(program, process.env);

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = error instanceof CommanderError ? error.exitCode : reportFailure(error);
}
// A keep-alive connection must not hold a finished command.
if (!program.args.includes("run")) process.exit();

import type { Command } from "commander";
import type { ObjectCommand } from "./command.ts";

/** All commands that work on objects, for `skiff --help`; each is loaded when it runs. */
export const objectCommands: Readonly<Record<string, string>> = {
  "api-resources": "list the kinds that the server has",
  annotate: "add, change or remove annotations of objects",
  apply: "make the objects of files be as the files say",
  create: "make the objects of files; those that exist already are refused",
  delete: "delete objects; without arguments, the cluster itself",
  describe: "say everything about objects, with what has happened to them",
  explain: "say what the fields of a kind mean",
  get: "show objects: one, several, or all of a kind",
  label: "add, change or remove labels of objects",
  logs: "print what containers have written",
  rollout: "watch, pause, repeat or take back what a workload rolls out",
  scale: "set how many pods a workload has",
};

/** `skiff delete` without anything to delete takes away the cluster itself. */
export function runsOnObjects(name: string, argv: readonly string[]): boolean {
  if (name !== "delete") return Object.hasOwn(objectCommands, name);
  const ofClusters = ["--name", "--state-dir", "--kubeconfig"];
  const rest = argv.filter((word, at) => !ofClusters.includes(argv[at - 1] ?? "") && !ofClusters.includes(word));
  return rest.some((word) => !ofClusters.some((flag) => word.startsWith(`${flag}=`)) && word !== "--help" && word !== "-h");
}

/** They parse their own flags: the program's help only has to list them. */
export function addObjectCommandsToHelp(program: Command): void {
  for (const [name, summary] of Object.entries(objectCommands)) {
    if (name !== "delete") program.command(name).description(summary).helpGroup("Objects of any cluster:");
  }
}

/** Whether a word follows that says which of several commands is meant. */
export function subcommandsOf(name: string): boolean {
  return name === "rollout";
}

/** The command of that name, or the commands under it. */
export async function loadCommand(name: string): Promise<readonly ObjectCommand[]> {
  switch (name) {
    case "get":
      return [(await import("./commands/get.ts")).getCommand];
    case "apply":
      return [(await import("./commands/apply.ts")).applyCommand];
    case "create":
      return [(await import("./commands/create.ts")).createCommand];
    case "delete":
      return [(await import("./commands/delete.ts")).deleteCommand];
    case "label":
      return [(await import("./commands/label.ts")).labelCommand];
    case "annotate":
      return [(await import("./commands/label.ts")).annotateCommand];
    case "scale":
      return [(await import("./commands/scale.ts")).scaleCommand];
    case "logs":
      return [(await import("./commands/logs.ts")).logsCommand];
    case "api-resources":
      return [(await import("./commands/api-resources.ts")).apiResourcesCommand];
    case "rollout":
      return (await import("./rollout/commands.ts")).rolloutCommands;
    case "describe":
      return [(await import("./commands/describe.ts")).describeCommand];
    case "explain":
      return [(await import("./commands/explain.ts")).explainCommand];
    default:
      return [];
  }
}

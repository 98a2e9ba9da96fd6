import { resolve } from "node:path";
import type { Command } from "commander";
import { defaultClusterName, defaultStateDirectory } from "#cluster/state/cluster-config";
import type { Environment } from "../environment.ts";

export interface CommonOptions {
  readonly name: string;
  readonly stateDir?: string;
}

export function withName(command: Command): Command {
  return command
    .option("--name <name>", "of the cluster", defaultClusterName)
    .option("--state-dir <folder>", "that holds a folder for each cluster (/var/lib/skiff as root)", (folder) => resolve(folder));
}

export function stateDirectoryOf({ stateDir }: CommonOptions, env: Environment): string {
  return stateDir ?? defaultStateDirectory(env);
}

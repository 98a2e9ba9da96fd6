import { resolve } from "node:path";
import { Option, type Command } from "commander";
import pc from "picocolors";
import type { Snapshots } from "#cluster/commands/snapshots";
import type { checkSnapshotFile } from "#cluster/store/snapshot-file";
import type { Environment } from "../environment.ts";
import { clusterOf } from "./cluster-commands.ts";
import { withName, type CommonOptions } from "./common-options.ts";

export function addSnapshotCommands(program: Command, env: Environment): void {
  const snapshot = program.command("snapshot").description("save everything that a cluster has stored, and restore it");
  withName(snapshot.command("save"))
    .description("write all objects, as they are at one moment, to a file; the cluster may run")
    .argument("<file>", "holds Secrets: nobody else may read it")
    .option("--force", "replace the file if it is there", false)
    .action(async (file: string, flags: CommonOptions & { force: boolean }) => {
      const path = resolve(file);
      const status = await withCounter(async (counting) => (await snapshotsOf(flags, env, counting)).save(path, flags));
      console.log(`Saved ${status.count} objects at revision ${status.revision} to ${path}.`);
    });
  withName(snapshot.command("restore"))
    .description("replace all objects of a cluster that is down by those of a file")
    .argument("<file>", "of any cluster and any store")
    .action(async (file: string, flags: CommonOptions) => {
      const { status, before } = await withCounter(async (counting) =>
        (await snapshotsOf(flags, env, counting)).restore(resolve(file)),
      );
      console.log(`Cluster ${flags.name} has the ${status.count} objects of ${status.takenAt}. "skiff up" starts it.`);
      if (before !== undefined) console.log(`What it had before is in ${before}.`);
    });
  snapshot
    .command("status")
    .description("check a file and say what is in it")
    .argument("<file>", "that snapshot save wrote")
    .addOption(new Option("-o, --output <format>", "how to say it").choices(["json"]))
    .action(async (file: string, { output }: { output?: "json" }) => {
      const { checkSnapshotFile } = await import("#cluster/store/snapshot-file");
      const status = await checkSnapshotFile(resolve(file));
      console.log(output === "json" ? JSON.stringify(asJson(status)) : asText(status));
    });
}

type SnapshotStatus = Awaited<ReturnType<typeof checkSnapshotFile>>;

/** Loads what only these commands need. */
async function snapshotsOf(flags: CommonOptions, env: Environment, counting: (text: string) => void): Promise<Snapshots> {
  const { Snapshots } = await import("#cluster/commands/snapshots");
  return new Snapshots(clusterOf(flags, env), { path: env["PATH"] ?? "", counting });
}

/** The first four as `etcdctl snapshot status -w json` names them. */
function asJson({ hash, revision, count, size, takenAt, skiffVersion, format }: SnapshotStatus): object {
  return { hash, revision, totalKey: count, totalSize: size, takenAt, skiffVersion, format };
}

function asText({ hash, revision, count, size, takenAt, skiffVersion }: SnapshotStatus): string {
  const rows = [
    ["hash", hash],
    ["revision", String(revision)],
    ["keys", String(count)],
    ["size", `${size} bytes`],
    ["taken", `${takenAt} by Skiff ${skiffVersion}`],
  ] as const;
  return rows.map(([name, value]) => `${name.padEnd(8)}  ${value}`).join("\n");
}

/** A line that counts up on a terminal, and is gone at the end. */
async function withCounter<T>(work: (counting: (text: string) => void) => Promise<T>): Promise<T> {
  const { stderr } = process;
  if (!stderr.isTTY) return work(() => undefined);
  try {
    return await work((text) => stderr.write(`\r\x1b[K  ${pc.dim(text)}`));
  } finally {
    stderr.write("\r\x1b[K");
  }
}

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { noSuchCluster } from "#cluster/commands/cluster";
import { imagesOf } from "#cluster/commands/images";
import { CommandFailure } from "#cluster/failure";
import type { Environment } from "../environment.ts";
import { clusterOf } from "./cluster-commands.ts";
import { withName, type CommonOptions } from "./common-options.ts";

export function addImageCommands(program: Command, env: Environment): void {
  const image = program.command("image").description("the images of a cluster");
  withName(image.command("load"))
    .description("bring images from a docker-archive, an oci-archive or an OCI layout folder")
    .argument("<file>", "the archive or folder")
    .option("--reference <name>", "what to call an image that comes without a name")
    .action(async (file: string, flags: CommonOptions & { reference?: string }) => {
      const path = resolve(file);
      if (!existsSync(path)) throw new CommandFailure(`there is no file ${path}`);
      const signal = new AbortController().signal;
      const images = await runningImages(flags, env);
      const loaded = await images.load(path, { ...(flags.reference !== undefined && { reference: flags.reference }), signal });
      for (const { references, id } of loaded) console.log(`Loaded ${references.join(", ") || id}`);
    });
  withName(image.command("ls"))
    .description("list them")
    .action(async (flags: CommonOptions) => {
      const listed = await (await runningImages(flags, env)).list();
      const rows = listed.flatMap(({ references, id, sizeBytes }) =>
        (references.length === 0 ? ["<none>"] : references).map(
          (reference) => [reference, id.slice(0, 19), `${(sizeBytes / 1e6).toFixed(1)}MB`] as const,
        ),
      );
      const width = Math.max(9, ...rows.map(([reference]) => reference.length));
      console.log(`${"REFERENCE".padEnd(width)}  ${"ID".padEnd(19)}  SIZE`);
      for (const [reference, id, size] of rows) console.log(`${reference.padEnd(width)}  ${id}  ${size}`);
    });
}

async function runningImages(flags: CommonOptions, env: Environment): ReturnType<typeof imagesOf> {
  const cluster = clusterOf(flags, env);
  const found = await cluster.status();
  if (found === undefined) throw noSuchCluster(flags.name);
  if (found.config.nodes === 0) throw new CommandFailure(`cluster "${flags.name}" has no nodes, and so no images`);
  return imagesOf(cluster.paths);
}

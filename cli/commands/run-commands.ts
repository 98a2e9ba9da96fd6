import type { Command } from "commander";
import { pinoLogger } from "#base/pino-logger";
import type { Logger } from "#base/logger";
import { clusterPaths, type ClusterPaths } from "#cluster/state/cluster-config";
import type { Environment } from "../environment.ts";
import { stateDirectoryOf, withName, type CommonOptions } from "./common-options.ts";

/** The long-running parts of a cluster, as `up` starts them. Each ends with SIGTERM, or with an error in its log. */
export function addRunCommands(program: Command, env: Environment): void {
  const run = program.command("run", { hidden: true }).description("a part of a cluster, in the foreground");
  withName(run.command("control-plane"))
    .option("--bind <address...>", "listen here besides loopback")
    .action((flags: CommonOptions & { bind?: string[] }) =>
      serve("control-plane", flags, env, async (paths, log, signal) => {
        const { runControlPlane } = await import("#cluster/run/control-plane");
        await runControlPlane(paths, flags.bind ?? [], log, signal);
      }),
    );
  withName(run.command("image-service")).action((flags: CommonOptions) =>
    serve("image-service", flags, env, async (paths, log, signal) => {
      const { runClusterImageService } = await import("#cluster/run/image-service");
      await runClusterImageService(paths, log, signal);
    }),
  );
  withName(run.command("node-agent"))
    .requiredOption("--node <name>")
    .requiredOption("--address <ip>")
    .requiredOption("--pod-cidr <range>")
    .requiredOption("--cgroup <path>")
    .requiredOption("--server <url>")
    .action((flags: CommonOptions & { node: string; address: string; podCidr: string; cgroup: string; server: string }) =>
      serve("node-agent", flags, env, async (paths, log, signal) => {
        const { runNode } = await import("#cluster/run/node");
        await runNode(paths, { ...flags, path: env["PATH"] ?? "" }, log, signal);
      }),
    );
}

async function serve(
  component: string,
  flags: CommonOptions,
  env: Environment,
  work: (paths: ClusterPaths, log: Logger, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const log = pinoLogger(component);
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stop.abort(new Error(`received ${name}`)));
  try {
    await work(clusterPaths(flags.name, stateDirectoryOf(flags, env)), log, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) {
      log.error(`${component} ended`, { error });
      process.exit(1);
    }
  }
  process.exit(0);
}

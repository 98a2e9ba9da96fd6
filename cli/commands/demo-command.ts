import type { Command } from "commander";
import pc from "picocolors";
import { applyExample, ensureExampleImage, examplePods, waitForExample } from "#cluster/commands/example";
import { contextName } from "#cluster/state/cluster-config";
import { kubeconfigTarget, type Environment } from "../environment.ts";
import { clusterOf, progress } from "./cluster-commands.ts";
import { withName, type CommonOptions } from "./common-options.ts";

/** What `npm start` does: a first cluster with something to look at. */
export function addDemoCommand(program: Command, env: Environment): void {
  withName(program.command("demo"))
    .description("start a cluster with a small web server on it (what npm start does)")
    .option("--kubeconfig <file>", "where the context goes ($KUBECONFIG or ~/.kube/config)")
    .action((flags: CommonOptions & { kubeconfig?: string }) => demo(flags, env));
}

async function demo(flags: CommonOptions & { kubeconfig?: string }, env: Environment): Promise<void> {
  const cluster = clusterOf(flags, env);
  const path = env["PATH"] ?? "";
  const kubeconfig = kubeconfigTarget(flags.kubeconfig, env);
  const { config, started } = await cluster.up({ kubeconfig, path, progress });
  const what = `Cluster ${pc.bold(config.name)} ${started ? "is up" : "is running already"}`;
  console.log(
    `${what}: https://127.0.0.1:${config.port}, ${config.nodes} nodes, context ${contextName(config.name)} in ${kubeconfig.file}.`,
  );
  if (config.nodes === 0) return;
  const client = await cluster.adminClient();
  await ensureExampleImage(cluster.paths, path);
  const created = await applyExample(client);
  console.log(created ? "Applied manifests/examples/hello.yaml." : "manifests/examples/hello.yaml is applied already.");
  await waitForExample(client, progress, new AbortController().signal);
  const rows = (await examplePods(client)).map((pod) => [pod.metadata.name, pod.spec?.nodeName ?? "", pod.status?.podIP ?? ""]);
  console.log(`\n${table([["POD", "NODE", "IP"], ...rows])}\n`);
  const address = rows[0]?.[2] ?? "POD-IP";
  console.log(
    `Try next:\n  curl http://${address}:8080\n  kubectl scale deployment hello --replicas 5\n  kubectl get pods -o wide --watch`,
  );
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}

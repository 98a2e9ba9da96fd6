import { resolve } from "node:path";
import { InvalidArgumentError, Option, type Command } from "commander";
import pc from "picocolors";
import { dump } from "js-yaml";
import type { Node } from "#api/generated/types";
import { nodes } from "#api/resource-type";
import { Cluster, noSuchCluster } from "#cluster/commands/cluster";
import type { ExternalEtcd } from "#cluster/store/etcd-config";
import { clusterNames, contextName, type ClusterConfig } from "#cluster/state/cluster-config";
import { kubeconfigDocument } from "#client/kubeconfig";
import { kubeconfigTarget, type Environment } from "../environment.ts";
import { stateDirectoryOf, withName, type CommonOptions } from "./common-options.ts";

interface UpFlags extends CommonOptions {
  readonly nodes?: number;
  readonly port?: number;
  readonly store?: ClusterConfig["store"];
  readonly etcdServers?: string[];
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly etcdUser?: string;
  readonly etcdPasswordFile?: string;
  readonly etcdPrefix?: string;
  readonly encryptionProviderConfig?: string;
  readonly registryMirror?: Record<string, string[]>;
  readonly kubeconfig?: string;
}

export function addClusterCommands(program: Command, env: Environment): void {
  withName(program.command("up"))
    .description("start a cluster, or what is missing of it; returns when its nodes are Ready")
    .option("--nodes <count>", "nodes that run containers (3); 0 is a control plane alone and needs no root", number)
    .option("--port <port>", "of the API server (the first free one from 6443)", number)
    .addOption(new Option("--store <kind>", "where objects are kept (embedded)").choices(["embedded", "memory", "etcd"]))
    .option("--etcd-servers <url,...>", "with --store etcd: one that runs (else one of the cluster's own)", list)
    .option("--etcd-cafile <file>", "of the authority that signed its certificate", path)
    .option("--etcd-certfile <file>", "the certificate that it knows us by", path)
    .option("--etcd-keyfile <file>", "the key to it", path)
    .option("--etcd-user <name>", "that it knows us by")
    .option("--etcd-password-file <file>", "that holds that user's password", path)
    .option("--etcd-prefix <prefix>", "in front of every key, for clusters that share an etcd (/registry)")
    .option(
      "--encryption-provider-config <file>",
      "how Secrets are encrypted in the store: an EncryptionConfiguration, mode 0600; kept for later starts (not encrypted)",
      path,
    )
    .option(
      "--registry-mirror <host=url>",
      "look for images of a registry here first, e.g. docker.io=http://127.0.0.1:5000",
      mirror,
    )
    .option("--kubeconfig <file>", "where the context goes ($KUBECONFIG or ~/.kube/config)")
    .action((flags: UpFlags) => up(flags, env));
  withName(program.command("down"))
    .description("stop a cluster and leave the machine as it was; its state stays")
    .action(async (flags: CommonOptions) => {
      const wasThere = await clusterOf(flags, env).down(progress);
      console.log(
        wasThere
          ? `Cluster ${flags.name} is down. "skiff up" starts it from its stored state.`
          : `There is no cluster ${flags.name}.`,
      );
    });
  withName(program.command("delete"))
    .description("stop a cluster and remove its state and its context; with a TYPE or a file: delete objects")
    .addHelpText(
      "after",
      "\nTo delete objects: skiff delete TYPE NAME, skiff delete -f FILE. skiff delete pods --help says more.",
    )
    .option("--kubeconfig <file>", "where the context is ($KUBECONFIG or ~/.kube/config)")
    .action(async (flags: CommonOptions & { kubeconfig?: string }) => {
      const wasThere = await clusterOf(flags, env).delete(kubeconfigTarget(flags.kubeconfig, env), progress);
      console.log(wasThere ? `Cluster ${flags.name} is deleted.` : `There is no cluster ${flags.name}.`);
    });
  withName(program.command("status"))
    .description("show the clusters of this machine, or the parts of one")
    .action((flags: CommonOptions) => status(flags, env));
  const node = program.command("node").description("stop and start single nodes, to see what a cluster makes of it");
  withName(node.command("stop <node>"))
    .description("end a node as a power cut would: agent and containers at once, and nobody tells the cluster")
    .action(async (name: string, flags: CommonOptions) => {
      const ran = await clusterOf(flags, env).stopNode(name);
      console.log(ran ? `Node ${name} is off. "skiff node start ${name}" brings it back.` : `Node ${name} did not run.`);
    });
  withName(node.command("start <node>"))
    .description("start a node that was stopped; returns when it is Ready")
    .action(async (name: string, flags: CommonOptions) => {
      const started = await clusterOf(flags, env).startNode(name, progress);
      console.log(started ? `Node ${name} is Ready.` : `Node ${name} runs already.`);
    });
  withName(program.command("kubeconfig"))
    .description("print a kubeconfig for a cluster")
    .action(async (flags: CommonOptions) => {
      process.stdout.write(dump(kubeconfigDocument(await clusterOf(flags, env).kubeconfigEntry())));
    });
}

export function clusterOf(flags: CommonOptions, env: Environment): Cluster {
  return new Cluster(flags.name, stateDirectoryOf(flags, env));
}

async function up(flags: UpFlags, env: Environment): Promise<void> {
  const cluster = clusterOf(flags, env);
  const kubeconfig = kubeconfigTarget(flags.kubeconfig, env);
  const etcd = externalEtcd(flags);
  const { config, started } = await cluster.up({
    ...(flags.nodes !== undefined && { nodes: flags.nodes }),
    ...(flags.port !== undefined && { port: flags.port }),
    ...(flags.store !== undefined && { store: flags.store }),
    ...(etcd && { etcd }),
    ...(flags.encryptionProviderConfig !== undefined && { encryptionProviderConfig: flags.encryptionProviderConfig }),
    ...(flags.registryMirror !== undefined && { registryMirrors: flags.registryMirror }),
    kubeconfig,
    path: env["PATH"] ?? "",
    progress,
  });
  const what = config.nodes === 0 ? "a control plane alone" : `${config.nodes} ${config.nodes === 1 ? "node" : "nodes"}, Ready`;
  const verb = started ? "is up" : "is running already";
  console.log(`Cluster ${pc.bold(config.name)} ${verb}: https://127.0.0.1:${config.port}, ${what}.`);
  console.log(`kubectl uses it: context ${contextName(config.name)} is current in ${kubeconfig.file}.`);
}

async function status(flags: CommonOptions, env: Environment): Promise<void> {
  const cluster = clusterOf(flags, env);
  const found = await cluster.status();
  if (found === undefined) {
    const others = await clusterNames(stateDirectoryOf(flags, env));
    if (others.length === 0) throw noSuchCluster(flags.name);
    console.log(`There is no cluster ${flags.name}. Others: ${others.join(", ")}.`);
    process.exitCode = 1;
    return;
  }
  const { config, processes } = found;
  console.log(`Cluster ${config.name}: https://127.0.0.1:${config.port}, ${config.store} store, ${config.nodes} nodes`);
  for (const { name, pid, log } of processes) {
    console.log(`  ${name.padEnd(14)} ${pid === undefined ? pc.red("not running") : pc.green(`pid ${pid}`)}  ${pc.dim(log)}`);
  }
  if (processes[0]?.pid === undefined) {
    process.exitCode = 1;
    return;
  }
  const client = await cluster.adminClient();
  for (const node of (await client.list(nodes)).items) console.log(`  ${node.metadata.name.padEnd(14)} ${readiness(node)}`);
}

/** What the flags say of an etcd that somebody else runs; undefined when they say nothing. */
function externalEtcd(flags: UpFlags): ExternalEtcd | undefined {
  const { etcdServers: servers, etcdCafile: caFile, etcdCertfile: certFile, etcdKeyfile: keyFile } = flags;
  const { etcdUser: user, etcdPasswordFile: passwordFile, etcdPrefix: prefix } = flags;
  const said = Object.entries({ caFile, certFile, keyFile, user, passwordFile, prefix }).filter(
    ([, value]) => value !== undefined,
  );
  if (servers === undefined && said.length === 0) return undefined;
  return { servers: servers ?? [], ...Object.fromEntries(said) };
}

function readiness(node: Node): string {
  const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
  return ready?.status === "True" ? pc.green("Ready") : pc.red(`NotReady: ${ready?.message ?? "it has not reported yet"}`);
}

export function progress(text: string): void {
  console.error(pc.dim(`  ${text}`));
}

function number(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It is a whole number.");
  return Number(text);
}

function list(text: string): string[] {
  return text.split(",").filter((item) => item !== "");
}

function path(text: string): string {
  return resolve(text);
}

function mirror(text: string, before: Record<string, string[]> = {}): Record<string, string[]> {
  const [host = "", ...rest] = text.split("=");
  const url = rest.join("=");
  if (host === "" || !/^https?:\/\//.test(url))
    throw new InvalidArgumentError("It is HOST=URL, e.g. docker.io=http://127.0.0.1:5000.");
  return { ...before, [host]: [...(before[host] ?? []), url] };
}

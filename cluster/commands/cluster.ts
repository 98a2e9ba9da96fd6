import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { systemClock, type Clock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { httpTransport } from "#client/http-transport";
import { createClient } from "#client/transport-client";
import { readKubeconfig, removeFromKubeconfig, writeKubeconfig, type ClusterEntry } from "#client/kubeconfig";
import { CommandFailure } from "../failure.ts";
import { LocalNodes, type LocalNode } from "../local-nodes/local-nodes.ts";
import { missingTools } from "../local-nodes/missing-tools.ts";
import { enterNode } from "../local-nodes/namespaces.ts";
import type { KeyPair } from "../pki/certificates.ts";
import { openPki, type Pki } from "../pki/pki.ts";
import { Processes } from "../processes/processes.ts";
import { choosePort, isFree } from "../state/choose-port.ts";
import {
  clusterNames,
  clusterPaths,
  contextName,
  readConfig,
  removeState,
  writeConfig,
  type ClusterConfig,
  type ClusterPaths,
} from "../state/cluster-config.ts";
import { withStateLock } from "../state/state-lock.ts";
import { waitForApi, waitForNodes } from "./wait-ready.ts";

/** Absent ones are taken from the stored cluster, else from the defaults. */
export interface UpOptions {
  readonly nodes?: number;
  readonly port?: number;
  readonly store?: ClusterConfig["store"];
  readonly registryMirrors?: ClusterConfig["registryMirrors"];
  readonly kubeconfig: KubeconfigTarget;
  /** To look for programs in. */
  readonly path: string;
  readonly progress: (text: string) => void;
}

export interface KubeconfigTarget {
  readonly file: string;
  /** Under sudo: the person who called it. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export interface ClusterStatus {
  readonly config: ClusterConfig;
  readonly processes: readonly { readonly name: string; readonly pid: number | undefined; readonly log: string }[];
}

const defaults = { nodes: 3, store: "embedded" } as const;
const largestCluster = 100;
const controlPlane = "control-plane";
const imageService = "image-service";

/** One cluster on this machine, by its name: what the commands of the same names do. */
export class Cluster {
  readonly name: string;
  readonly paths: ClusterPaths;
  readonly #stateDirectory: string;
  readonly #processes: Processes;
  readonly #clock: Clock = systemClock;

  constructor(name: string, stateDirectory: string) {
    this.name = name;
    this.#stateDirectory = stateDirectory;
    this.paths = clusterPaths(name, stateDirectory);
    this.#processes = new Processes(this.paths, this.#clock);
  }

  /** Starts what does not run. @returns whether anything had to be started. @throws CommandFailure, and then leaves nothing half made. */
  async up(options: UpOptions): Promise<{ config: ClusterConfig; started: boolean }> {
    const isNew = !existsSync(this.paths.config);
    checkOptions(options, isNew);
    try {
      return await withStateLock(this.paths, async () => {
        const config = await this.#settle(options);
        await refuseTakenContext(this, options.kubeconfig);
        const started = await this.#startMissing(config, options);
        return { config, started };
      });
    } catch (error) {
      if (isNew) await this.#undo();
      throw error;
    }
  }

  /** Stops everything and leaves the machine as it was. The state stays. @returns false when nothing of it was there. */
  async down(progress: (text: string) => void): Promise<boolean> {
    const config = await readConfig(this.paths);
    if (config === undefined) return false;
    if (config.nodes > 0) requireRoot("stopping nodes");
    return withStateLock(this.paths, async () => {
      await this.#stopAll(config, progress);
      return true;
    });
  }

  /** `down`, and the state with it. */
  async delete(kubeconfig: KubeconfigTarget, progress: (text: string) => void): Promise<boolean> {
    const config = await readConfig(this.paths);
    if (config === undefined && !existsSync(this.paths.root)) return false;
    if ((config?.nodes ?? 0) > 0) requireRoot("removing nodes");
    await withStateLock(this.paths, async () => {
      if (config !== undefined) await this.#stopAll(config, progress);
      removeFromKubeconfig(kubeconfig.file, contextName(this.name));
    });
    await removeState(this.paths);
    return true;
  }

  async status(): Promise<ClusterStatus | undefined> {
    const config = await readConfig(this.paths);
    if (config === undefined) return undefined;
    const running = await this.#processes.running();
    const processes = processNames(config).map((name) => ({
      name,
      pid: running.get(name)?.pid,
      log: this.#processes.logFile(name),
    }));
    return { config, processes };
  }

  /** As `system:masters`. @throws CommandFailure when there is no such cluster. */
  async adminClient(): Promise<ApiClient> {
    const entry = await this.kubeconfigEntry();
    return createClient(httpTransport(entry));
  }

  async kubeconfigEntry(): Promise<ClusterEntry> {
    const config = await readConfig(this.paths);
    if (config === undefined) throw noSuchCluster(this.name);
    const { pki, admin } = await this.#admin();
    return { name: contextName(this.name), server: `https://127.0.0.1:${config.port}`, ca: pki.ca, ...admin };
  }

  async #admin(): Promise<{ pki: Pki; admin: KeyPair }> {
    const pki = await openPki(this.paths.pki, this.#clock, systemRandom);
    return {
      pki,
      admin: await pki.pair("admin", { commonName: "kubernetes-admin", organizations: ["system:masters"], use: "client" }),
    };
  }

  /** What the cluster is like: as stored, or chosen now and stored. */
  async #settle(options: UpOptions): Promise<ClusterConfig> {
    const stored = await readConfig(this.paths);
    if (stored !== undefined) return checkUnchanged(stored, options);
    const others = (await clusterNames(this.#stateDirectory)).filter((name) => name !== this.name);
    const kept = await Promise.all(
      others.map(async (name) => (await readConfig(clusterPaths(name, this.#stateDirectory)).catch(() => undefined))?.port ?? 0),
    );
    const config: ClusterConfig = {
      name: this.name,
      nodes: options.nodes ?? defaults.nodes,
      port: await choosePort(options.port, new Set(kept)),
      store: options.store ?? defaults.store,
      registryMirrors: options.registryMirrors ?? {},
    };
    await writeConfig(this.paths, config);
    return config;
  }

  async #startMissing(config: ClusterConfig, { kubeconfig, path, progress }: UpOptions): Promise<boolean> {
    if (config.nodes > 0) {
      requireRoot("nodes that run containers");
      requireTools(path);
    }
    const running = await this.#processes.running();
    const began = this.#clock.now();
    const missing = processNames(config).filter((name) => !running.has(name));
    const isMissing = (name: string): boolean => missing.includes(name);
    if (isMissing(controlPlane) && !(await isFree(config.port))) {
      throw new CommandFailure(
        `port ${config.port}, which this cluster keeps, is in use: end what listens there, or "skiff delete --name ${this.name}" and start anew`,
      );
    }
    const { pki, admin } = await this.#admin();
    const nodes = await this.#localNodes();
    const host = config.nodes > 0 ? (await nodes.prepare()).hostAddress : undefined;
    if (isMissing(controlPlane)) {
      progress("starting the control plane");
      await this.#start(controlPlane, host === undefined ? [] : ["--bind", host]);
    }
    const names = Array.from({ length: config.nodes }, (_, index) => nodeName(index + 1));
    const made: LocalNode[] = [];
    for (const name of names) made.push(await nodes.ensure(name));
    const entry = { name: contextName(this.name), server: `https://127.0.0.1:${config.port}`, ca: pki.ca, ...admin };
    await waitForApi({
      port: config.port,
      ca: pki.ca,
      admin,
      clock: this.#clock,
      ended: () => this.#processes.firstEnded([controlPlane]),
    });
    writeKubeconfig(kubeconfig.file, entry, { setCurrent: true, ...(kubeconfig.owner && { owner: kubeconfig.owner }) });
    // Before it answers, the others would do nothing but take its processor.
    if (isMissing(imageService)) await this.#start(imageService, []);
    for (const node of made.filter(({ name }) => isMissing(name))) {
      progress(`starting ${node.name} at ${node.address}`);
      await this.#startNode(node, pki, config, host ?? "127.0.0.1");
    }
    if (config.nodes > 0) {
      const transport = httpTransport(entry);
      const awaited = names.map((name) => ({ name, since: isMissing(name) ? began : 0 }));
      await waitForNodes(createClient(transport), awaited, this.#clock, progress, () =>
        this.#processes.firstEnded(processNames(config)),
      );
      transport.close();
    }
    return missing.length > 0;
  }

  async #startNode(node: LocalNode, pki: Pki, config: ClusterConfig, host: string): Promise<void> {
    await pki.pair(node.name, {
      commonName: `system:node:${node.name}`,
      organizations: ["system:nodes"],
      use: "both",
      dnsNames: [node.name],
      ipAddresses: [node.address],
    });
    const args = [
      "--node",
      node.name,
      "--address",
      node.address,
      "--pod-cidr",
      node.podRange,
      "--cgroup",
      node.cgroup,
      "--server",
      `https://${host}:${config.port}`,
    ];
    await this.#processes.start(node.name, this.#internal("node-agent", args), enterNode(node.namespaces));
  }

  async #start(name: string, args: readonly string[]): Promise<void> {
    await this.#processes.start(name, this.#internal(name, args));
  }

  /** The command line of a process of this cluster. */
  #internal(command: string, args: readonly string[]): string[] {
    return ["run", command, "--name", this.name, "--state-dir", this.#stateDirectory, ...args];
  }

  async #stopAll(config: ClusterConfig, progress: (text: string) => void): Promise<void> {
    for (const name of processNames(config).reverse()) {
      progress(`stopping ${name}`);
      await this.#processes.stop(name);
    }
    if (config.nodes > 0) await (await this.#localNodes()).teardown();
    await rm(this.paths.run, { recursive: true, force: true });
  }

  /** A cluster that could not be made for the first time leaves no trace. */
  async #undo(): Promise<void> {
    const config = await readConfig(this.paths).catch(() => undefined);
    if (config !== undefined) await this.#stopAll(config, () => undefined).catch(() => undefined);
    await removeState(this.paths);
  }

  async #localNodes(): Promise<LocalNodes> {
    return LocalNodes.open({ clock: this.#clock, log: silentLogger, stateDirectory: this.paths.nodes });
  }
}

export function noSuchCluster(name: string): CommandFailure {
  return new CommandFailure(`there is no cluster "${name}": "skiff up${name === "skiff" ? "" : ` --name ${name}`}" makes it`);
}

function nodeName(index: number): string {
  return `node-${index}`;
}

/** In the order in which they start. */
function processNames(config: ClusterConfig): string[] {
  const nodes = Array.from({ length: config.nodes }, (_, index) => nodeName(index + 1));
  return nodes.length === 0 ? [controlPlane] : [controlPlane, imageService, ...nodes];
}

function checkOptions({ nodes, port }: UpOptions, isNew: boolean): void {
  if (nodes !== undefined && (!Number.isInteger(nodes) || nodes < 0 || nodes > largestCluster)) {
    throw new CommandFailure(`--nodes is a number from 0 to ${largestCluster}`);
  }
  if (port !== undefined && (!Number.isInteger(port) || port < 1 || port > 65535))
    throw new CommandFailure("--port is a number from 1 to 65535");
  if (isNew && (nodes ?? defaults.nodes) > 0) requireRoot("nodes that run containers");
}

/** A stored cluster keeps its shape. */
function checkUnchanged(stored: ClusterConfig, options: UpOptions): ClusterConfig {
  const { nodes, port, store } = options;
  const differences = [
    nodes !== undefined && nodes !== stored.nodes && `${stored.nodes} nodes, not ${nodes}`,
    port !== undefined && port !== stored.port && `port ${stored.port}, not ${port}`,
    store !== undefined && store !== stored.store && `the ${stored.store} store, not ${store}`,
  ].filter((difference) => difference !== false);
  if (differences.length === 0) return stored;
  const remedy = `choose another --name, or "skiff delete --name ${stored.name}" first`;
  throw new CommandFailure(`there is a cluster "${stored.name}" already, with ${differences.join(" and ")}: ${remedy}`);
}

/** Two clusters of one name in different folders would fight for one context. */
async function refuseTakenContext(cluster: Cluster, { file }: KubeconfigTarget): Promise<void> {
  const context = contextName(cluster.name);
  const { ca } = await cluster.kubeconfigEntry();
  let other: { readonly server: string; readonly ca?: string };
  try {
    other = readKubeconfig(file, context);
  } catch {
    return;
  }
  const port = Number(new URL(other.server).port || 443);
  if (other.ca === ca || (await isFree(port))) return;
  throw new CommandFailure(
    `another cluster called "${cluster.name}" runs at ${other.server} (context ${context} of ${file}): choose another --name, or --kubeconfig`,
  );
}

function requireRoot(what: string): void {
  if (process.getuid?.() === 0) return;
  throw new CommandFailure(`${what} need root: run it with sudo; "skiff up --nodes 0" is a control plane alone and needs none`);
}

function requireTools(path: string): void {
  const missing = missingTools({ path });
  if (missing.length === 0) return;
  const tools = missing.map(({ tool, neededFor }) => `${tool} (${neededFor})`).join(", ");
  const packages = [...new Set(missing.map((tool) => tool.package))].join(" ");
  throw new CommandFailure(`not installed: ${tools}. On Debian and Ubuntu: apt-get install ${packages}`);
}

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { systemClock, type Clock } from "#base/clock";
import { silentLogger } from "#base/logger";
import { systemRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { httpTransport } from "#client/http-transport";
import { createClient } from "#client/transport-client";
import { removeFromKubeconfig, writeKubeconfig, type ClusterEntry } from "#client/kubeconfig";
import { CommandFailure } from "../failure.ts";
import { LocalNodes, type LocalNode } from "../local-nodes/local-nodes.ts";
import { enterNode } from "../local-nodes/namespaces.ts";
import type { KeyPair } from "../pki/certificates.ts";
import { openPki, type Pki } from "../pki/pki.ts";
import { Processes } from "../processes/processes.ts";
import { enterClusterCgroup } from "../run/enter-cgroup.ts";
import { chooseEtcdPort, choosePort, isFree } from "../state/choose-port.ts";
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
import type { EtcdConfig } from "../store/etcd-config.ts";
import { readEncryptionFile } from "../store/encryption-file.ts";
import { findEtcd, ownEtcd, ownEtcdCommand } from "../store/own-etcd.ts";
import { settleStore, temporaryEtcd } from "../store/replace-store.ts";
import { withStateLock } from "../state/state-lock.ts";
import {
  checkOptions,
  checkStore,
  checkUnchanged,
  holdsContextOf,
  refuseTakenContext,
  requireRoot,
  requireTools,
  type KubeconfigTarget,
  type UpOptions,
} from "./up-checks.ts";
import { waitForApi, waitForDefaultAccount, waitForNodes } from "./wait-ready.ts";

export interface ClusterStatus {
  readonly config: ClusterConfig;
  readonly processes: readonly { readonly name: string; readonly pid: number | undefined; readonly log: string }[];
}

const defaults = { nodes: 3, store: "embedded" } as const;
export const controlPlane = "control-plane";
const imageService = "image-service";

/** Requests under load leave more short-lived objects than V8's usual 16 MB hold until they are dead: copying them costs a tenth of the time. */
const forManyRequests = ["--max-semi-space-size=64"];

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
    checkOptions(options);
    if (!existsSync(this.paths.config) && (options.nodes ?? defaults.nodes) > 0) requireRoot("nodes that run containers");
    return withStateLock(this.paths, async () => {
      const isNew = !existsSync(this.paths.config);
      try {
        const config = await this.#settle(options);
        await refuseTakenContext(config, (await this.#admin()).pki.ca, options.kubeconfig);
        return { config, started: await this.#startMissing(config, options) };
      } catch (error) {
        if (isNew) await this.#undo();
        throw error;
      }
    });
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
      if (config === undefined) return;
      await this.#stopAll(config, progress);
      if (holdsContextOf(config, (await this.#admin()).pki.ca, kubeconfig))
        removeFromKubeconfig(kubeconfig.file, contextName(this.name));
    });
    await removeState(this.paths);
    return true;
  }

  /**
   * Ends a node as a power cut does: its agent and its containers are gone at once, and nobody tells the cluster. @returns false when it
   * did not run. @throws CommandFailure
   */
  async stopNode(name: string): Promise<boolean> {
    const config = await this.#configOf(name);
    return withStateLock(this.paths, async () => {
      const ran = (await this.#processes.running()).has(name);
      if (config.nodes > 0) await (await this.#localNodes()).powerOff(name);
      await this.#processes.stop(name);
      return ran;
    });
  }

  /** Starts a node that was stopped; returns when it is Ready. @returns false when it ran already. @throws CommandFailure */
  async startNode(name: string, progress: (text: string) => void): Promise<boolean> {
    const config = await this.#configOf(name);
    return withStateLock(this.paths, async () => {
      const running = await this.#processes.running();
      if (running.has(name)) return false;
      if (!running.has(controlPlane))
        throw new CommandFailure(`cluster ${this.name} is down: "skiff up" starts it, nodes and all`);
      const began = this.#clock.now();
      const { pki } = await this.#admin();
      const nodes = await this.#localNodes();
      const { hostAddress } = await nodes.prepare();
      await this.#startNode(await nodes.ensure(name), pki, config, hostAddress);
      const transport = httpTransport(await this.kubeconfigEntry());
      try {
        const ended = (): Promise<string | undefined> => this.#processes.firstEnded([controlPlane, name]);
        await waitForNodes(createClient(transport), [{ name, since: began }], this.#clock, progress, ended);
      } finally {
        transport.close();
      }
      return true;
    });
  }

  /** @throws CommandFailure when there is no such cluster, or it has no such node. */
  async #configOf(node: string): Promise<ClusterConfig> {
    requireRoot("stopping and starting nodes");
    const config = await readConfig(this.paths);
    if (config === undefined) throw noSuchCluster(this.name);
    const names = nodeNames(config);
    if (names.includes(node)) return config;
    throw new CommandFailure(
      `cluster ${this.name} has no node "${node}": ${names.length === 0 ? "it has none" : `it has ${names.join(", ")}`}`,
    );
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
    if (stored !== undefined) return this.#settleEncryption(checkUnchanged(stored, options), options);
    const others = (await clusterNames(this.#stateDirectory)).filter((name) => name !== this.name);
    const kept = new Set((await Promise.all(others.map((name) => this.#portsOf(name)))).flat());
    const { store = defaults.store, encryptionProviderConfig } = options;
    checkStore(store, options);
    const etcd = store === "etcd" ? await this.#settleEtcd(options, kept) : undefined;
    const config: ClusterConfig = {
      name: this.name,
      nodes: options.nodes ?? defaults.nodes,
      port: await choosePort(options.port, kept),
      store,
      ...(etcd && { etcd }),
      ...(encryptionProviderConfig !== undefined && { encryptionProviderConfig }),
      registryMirrors: options.registryMirrors ?? {},
    };
    await checkEncryption(config);
    await writeConfig(this.paths, config);
    return config;
  }

  /** Unlike the rest it may be another one with each start of the control plane, so that keys can be replaced. @throws CommandFailure */
  async #settleEncryption(stored: ClusterConfig, { encryptionProviderConfig: wanted }: UpOptions): Promise<ClusterConfig> {
    const isChanged = wanted !== undefined && wanted !== stored.encryptionProviderConfig;
    const config = isChanged ? { ...stored, encryptionProviderConfig: wanted } : stored;
    await checkEncryption(config);
    if (!isChanged) return config;
    if ((await this.#processes.running()).has(controlPlane))
      throw new CommandFailure(`cluster "${this.name}" runs with another --encryption-provider-config: "skiff down" first`);
    await writeConfig(this.paths, config);
    return config;
  }

  async #settleEtcd({ etcd, path }: UpOptions, kept: ReadonlySet<number>): Promise<EtcdConfig> {
    if (etcd !== undefined) return etcd;
    findEtcd(path);
    return { ownPort: await chooseEtcdPort(kept) };
  }

  /** Those that another cluster keeps. */
  async #portsOf(name: string): Promise<number[]> {
    const config = await readConfig(clusterPaths(name, this.#stateDirectory)).catch(() => undefined);
    return config === undefined ? [] : [config.port, ownEtcdPort(config) ?? 0];
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
    const etcdPort = ownEtcdPort(config);
    if (isMissing(controlPlane) && (etcdPort === undefined || isMissing(ownEtcd))) await settleStore(this.paths, this.#processes);
    if (etcdPort !== undefined && isMissing(ownEtcd)) {
      progress("starting etcd");
      await this.#startEtcd(etcdPort, config, path);
    }
    if (isMissing(controlPlane)) {
      progress("starting the control plane");
      await this.#start(controlPlane, host === undefined ? [] : ["--bind", host]);
    }
    const names = nodeNames(config);
    const made: LocalNode[] = [];
    for (const name of names) made.push(await nodes.ensure(name));
    const entry = { name: contextName(this.name), server: `https://127.0.0.1:${config.port}`, ca: pki.ca, ...admin };
    await waitForApi({
      port: config.port,
      ca: pki.ca,
      admin,
      clock: this.#clock,
      ended: () => this.#processes.firstEnded(processNames(config).filter((name) => name === ownEtcd || name === controlPlane)),
    });
    // Before it answers, the others would do nothing but take its processor.
    if (isMissing(imageService)) await this.#start(imageService, []);
    for (const node of made.filter(({ name }) => isMissing(name))) {
      progress(`starting ${node.name} at ${node.address}`);
      await this.#startNode(node, pki, config, host ?? "127.0.0.1");
    }
    const transport = httpTransport(entry);
    const client = createClient(transport);
    const ended = (): Promise<string | undefined> => this.#processes.firstEnded(processNames(config));
    try {
      const awaited = names.map((name) => ({ name, since: isMissing(name) ? began : 0 }));
      if (awaited.length > 0) await waitForNodes(client, awaited, this.#clock, progress, ended);
      await waitForDefaultAccount(client, this.#clock, ended);
    } finally {
      transport.close();
    }
    // Last, so that a cluster that does not come up leaves no context.
    writeKubeconfig(kubeconfig.file, entry, { setCurrent: true, ...(kubeconfig.owner && { owner: kubeconfig.owner }) });
    return missing.length > 0;
  }

  async #startEtcd(port: number, config: ClusterConfig, path: string): Promise<void> {
    const deps = { clock: this.#clock, random: systemRandom, log: silentLogger };
    const { pid } = await this.#processes.startProgram(ownEtcd, await ownEtcdCommand(findEtcd(path), port, this.paths, deps));
    if (config.nodes > 0) await enterClusterCgroup(this.paths, deps, pid);
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
    await this.#processes.start(node.name, this.#internal("node-agent", args), { launcher: enterNode(node.namespaces) });
  }

  async #start(name: string, args: readonly string[]): Promise<void> {
    const nodeFlags = name === controlPlane ? forManyRequests : [];
    await this.#processes.start(name, this.#internal(name, args), { nodeFlags });
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
    await this.#processes.stop(temporaryEtcd);
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

async function checkEncryption({ encryptionProviderConfig: file }: ClusterConfig): Promise<void> {
  if (file !== undefined) await readEncryptionFile(file);
}

export function noSuchCluster(name: string): CommandFailure {
  return new CommandFailure(`there is no cluster "${name}": "skiff up${name === "skiff" ? "" : ` --name ${name}`}" makes it`);
}

function nodeNames({ nodes }: ClusterConfig): string[] {
  return Array.from({ length: nodes }, (_, index) => `node-${index + 1}`);
}

function ownEtcdPort({ etcd }: ClusterConfig): number | undefined {
  return etcd !== undefined && "ownPort" in etcd ? etcd.ownPort : undefined;
}

/** In the order in which they start. */
function processNames(config: ClusterConfig): string[] {
  const nodes = nodeNames(config);
  const etcd = ownEtcdPort(config) === undefined ? [] : [ownEtcd];
  return [...etcd, controlPlane, ...(nodes.length === 0 ? [] : [imageService, ...nodes])];
}

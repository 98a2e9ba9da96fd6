import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import { detectCgroups } from "#node-agent/cgroups/detect";
import { readJsonFile, writeJsonFile } from "#node-agent/runtime/json-file";
import { KeyedLock } from "#node-agent/runtime/keyed-lock";
import { clusterCgroup } from "./cgroup-names.ts";
import { installFirewall, removeFirewall } from "./firewall.ts";
import { Forwarding } from "./forwarding.ts";
import type { NodeNamespaces } from "./namespaces.ts";
import { ensureNamespaces, ensurePrivateFolder, nodeNamespaces, removeNamespaces, removePrivateFolder } from "./namespaces.ts";
import { killNodeProcesses } from "./node-processes.ts";
import type { NetworkPlan } from "./ranges.ts";
import { chooseNetworks, conflicts, hostAddress, largestNodeIndex, nodeAddress, nodePodRange } from "./ranges.ts";
import { readUsedNetworks } from "./used-networks.ts";
import { connectNodes, ensureBridge, isOwnBridge, removeBridge, removeNodeLink, wireNode } from "./wiring.ts";

export interface LocalNodesOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of this cluster: the plan of its networks and its nodes' namespaces. */
  readonly stateDirectory: string;
  /** Shared by the machine's clusters and emptied by a reboot. */
  readonly machineDirectory?: string;
}

export interface LocalNode {
  readonly name: string;
  readonly address: string;
  readonly podRange: string;
  /** Below each controller's root: all of the node's pods are below it. */
  readonly cgroup: string;
  readonly namespaces: NodeNamespaces;
}

interface Plan extends NetworkPlan {
  /** Numbers from 1; they make a node's addresses. */
  readonly nodes: Readonly<Record<string, number>>;
}

/**
 * A cluster's nodes on this machine: each a network and a mount namespace, joined by a bridge. Every call is idempotent and finishes
 * what a crash left half done. What a node's containers keep on disk is not touched here.
 */
export class LocalNodes {
  readonly #options: LocalNodesOptions;
  readonly #forwarding: Forwarding;
  readonly #lock = new KeyedLock();
  #plan: Plan | undefined;
  #prepared = false;

  private constructor(options: LocalNodesOptions) {
    this.#options = options;
    this.#forwarding = new Forwarding({ machineDirectory: options.machineDirectory ?? "/run/skiff" });
  }

  static async open(options: LocalNodesOptions): Promise<LocalNodes> {
    const nodes = new LocalNodes(options);
    nodes.#plan = await readJsonFile<Plan>(nodes.#planFile);
    return nodes;
  }

  /** Chooses the cluster's networks, once, and makes what the nodes share. */
  async prepare(): Promise<NetworkPlan & { hostAddress: string }> {
    return this.#lock.run("cluster", async () => {
      const plan = await this.#ensureNetworks();
      await ensurePrivateFolder(this.#namespaceFolder);
      await this.#forwarding.acquire(plan.bridge);
      await installFirewall(plan);
      this.#prepared = true;
      return { bridge: plan.bridge, nodeRange: plan.nodeRange, podRange: plan.podRange, hostAddress: hostAddress(plan) };
    });
  }

  /** Makes the node, or finds it made, and joins it to the others. */
  async ensure(name: string): Promise<LocalNode> {
    if (!this.#prepared) await this.prepare();
    return this.#lock.run("cluster", async () => {
      const plan = await this.#withNode(name);
      const node = this.#describe(plan, name);
      await ensureNamespaces(node.namespaces);
      await wireNode(plan, plan.nodes[name] ?? 0, node.namespaces);
      await connectNodes(plan, plan.nodes, (other) => this.#describe(plan, other).namespaces);
      return node;
    });
  }

  list(): readonly LocalNode[] {
    const plan = this.#plan;
    return plan === undefined ? [] : Object.keys(plan.nodes).map((name) => this.#describe(plan, name));
  }

  /** Ends one node and everything in it at once. `ensure` makes it anew, at its address. */
  async powerOff(name: string): Promise<void> {
    await this.#lock.run("cluster", async () => {
      if (this.#plan?.nodes[name] !== undefined) await this.#dismantle(this.#plan, name);
    });
  }

  /** Leaves the machine as it was before `prepare`. The plan stays, so that the nodes come back at their addresses. */
  async teardown(): Promise<void> {
    await this.#lock.run("cluster", async () => {
      const plan = this.#plan;
      if (plan === undefined) return;
      this.#prepared = false;
      for (const name of Object.keys(plan.nodes)) await this.#dismantle(plan, name);
      await (await detectCgroups(this.#options)).remove(this.#cgroup);
      await removeFirewall(plan);
      await removeBridge(plan, this.#options.stateDirectory);
      await this.#forwarding.release(plan.bridge);
      await removePrivateFolder(this.#namespaceFolder);
    });
  }

  async #dismantle(plan: Plan, name: string): Promise<void> {
    const { namespaces, cgroup } = this.#describe(plan, name);
    await killNodeProcesses(namespaces, this.#options.clock);
    await (await detectCgroups(this.#options)).remove(cgroup);
    await removeNodeLink(plan, plan.nodes[name] ?? 0);
    await removeNamespaces(namespaces);
  }

  /**
   * Making the bridge, with an address that only this cluster gives it, is what takes the ranges: of two clusters that choose the
   * same at once, one is refused and chooses again. The plan is on disk before, so that a crash leaves no bridge unclaimed.
   */
  async #ensureNetworks(): Promise<Plan> {
    const { stateDirectory } = this.#options;
    await mkdir(stateDirectory, { recursive: true });
    for (let attempt = 0; attempt < 100; attempt++) {
      const used = await readUsedNetworks();
      const kept = this.#plan;
      const own = kept !== undefined && (await isOwnBridge(kept, stateDirectory));
      const usable = kept !== undefined && (own || !conflicts(kept, used));
      const plan = usable ? kept : await this.#save({ ...chooseNetworks(used), nodes: kept?.nodes ?? {} });
      if (await ensureBridge(plan, stateDirectory)) return plan;
    }
    throw new Error("cannot take a network range: others take each one first");
  }

  async #withNode(name: string): Promise<Plan> {
    const plan = this.#plan;
    if (plan === undefined) throw new Error("prepare comes first");
    if (plan.nodes[name] !== undefined) return plan;
    const taken = new Set(Object.values(plan.nodes));
    const index = Array.from({ length: largestNodeIndex }, (_, position) => position + 1).find(
      (candidate) => !taken.has(candidate),
    );
    if (index === undefined) throw new Error(`a machine holds at most ${largestNodeIndex} nodes of a cluster`);
    return this.#save({ ...plan, nodes: { ...plan.nodes, [name]: index } });
  }

  async #save(plan: Plan): Promise<Plan> {
    await writeJsonFile(this.#planFile, plan, { durable: true });
    this.#plan = plan;
    return plan;
  }

  #describe(plan: Plan, name: string): LocalNode {
    const index = plan.nodes[name] ?? 0;
    return {
      name,
      address: nodeAddress(plan, index),
      podRange: nodePodRange(plan, index),
      cgroup: `${this.#cgroup}/${name}`,
      namespaces: nodeNamespaces(this.#namespaceFolder, name),
    };
  }

  get #cgroup(): string {
    return clusterCgroup(this.#options.stateDirectory);
  }

  get #namespaceFolder(): string {
    return join(this.#options.stateDirectory, "namespaces");
  }

  get #planFile(): string {
    return join(this.#options.stateDirectory, "networks.json");
  }
}

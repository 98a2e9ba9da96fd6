import type { ConfigMap, Deployment, DeploymentSpec, OwnerReference, Pod, Toleration } from "#api/generated/types";
import { keyOf, type KubeObject, type Stored } from "#api/object";
import { configMaps, deployments, namespaces, nodes, pods, type ResourceType } from "#api/resource-type";
import { StatusError } from "#api/status";
import type { Random } from "#base/random";
import type { ApiClient } from "#client/api-client";
import type { Cluster } from "./cluster.ts";
import type { World } from "./world.ts";

/** How many pods people ask for at most: all of them fit, with room for a rollout. */
const mostReplicas = 10;
const names = ["a", "b", "c"] as const;
const unwell = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] as const;
const reserved = "example.com/reserved";
const maintenance = "example.com/maintenance";
const policies = ["Background", "Foreground", "Orphan"] as const;

export interface UserOptions {
  readonly world: World;
  readonly cluster: Cluster;
  readonly random: Random;
  /** Takes no pods away, and lets no node fail. */
  readonly calm: boolean;
}

interface Choice {
  readonly weight: number;
  readonly act: () => Promise<void>;
}

/** People at a cluster: each `act` does one thing that the dice choose, as `kubectl` would. What the server refuses they let be. */
export class User {
  readonly #options: UserOptions;
  #version = 0;

  constructor(options: UserOptions) {
    this.#options = options;
  }

  /** One node is kept free of pods for ever, there is something to collect, and sometimes a Deployment that never did well. */
  async begin(): Promise<void> {
    const taints = [{ key: reserved, effect: "NoSchedule" }];
    await this.#client.patch(nodes, { namespace: "", name: "n0" }, merge({ spec: { taints } }));
    await this.#makeOwners();
    if (!this.#happens(0.4)) return;
    const { selector, template } = this.#template("a", "flaky");
    await this.#client.create(deployments, {
      metadata: { namespace: "default", name: "a" },
      spec: { replicas: 4, selector, template },
    });
    await this.#options.world.clock.advance(20_000);
  }

  async act(): Promise<void> {
    const { calm } = this.#options;
    const always: readonly Choice[] = [
      { weight: 4, act: () => this.#makeDeployment() },
      { weight: 6, act: () => this.#newTemplate() },
      { weight: 4, act: () => this.#scale() },
      { weight: 1, act: () => this.#pause() },
      { weight: 1, act: () => this.#makeOwners() },
      { weight: 2, act: () => this.#deleteOwner() },
      { weight: 2, act: () => this.#cordon() },
    ];
    const rough: readonly Choice[] = [
      { weight: 2, act: () => this.#deletePod() },
      { weight: 2, act: () => this.#loseNode() },
      { weight: 3, act: () => this.#taint() },
      { weight: 1, act: () => this.#deleteDeployment() },
      { weight: 1, act: () => this.#makeTeam() },
      { weight: 1, act: () => this.#deleteTeam() },
      { weight: 1, act: () => this.#runOnce() },
    ];
    const choices = calm ? always : [...always, ...rough];
    let ticket = this.#float() * choices.reduce((sum, { weight }) => sum + weight, 0);
    const chosen = choices.find(({ weight }) => (ticket -= weight) < 0);
    if (chosen !== undefined) await refusalIsFine(chosen.act());
  }

  /** Leaves behind a cluster in which everything that was asked for can be had. */
  async settle(): Promise<void> {
    const { world } = this.#options;
    for (const name of world.nodeNames) {
      if (!world.isRunning(name)) world.startNode(name);
      await refusalIsFine(this.#setTaint(name, false));
      await refusalIsFine(this.#client.patch(nodes, { namespace: "", name }, merge({ spec: { unschedulable: null } })));
    }
    for (const deployment of (await this.#client.list(deployments)).items) {
      const broken = !imageOf(deployment).startsWith("serves");
      if (!broken && deployment.spec?.paused !== true) continue;
      const containers = [{ name: "c", image: broken ? this.#image("serves") : imageOf(deployment) }];
      const patch = { spec: { paused: false, template: { spec: { containers } } } };
      await refusalIsFine(this.#client.patch(deployments, keyOf(deployment), { type: "strategic", patch }));
    }
  }

  async #makeDeployment(): Promise<void> {
    const room = mostReplicas - (await this.#asked());
    if (room <= 0) return;
    const name = this.#pick(names);
    const replicas = 1 + Math.floor(this.#float() * Math.min(4, room));
    const deployment: Deployment = {
      metadata: { namespace: "default", name },
      spec: { replicas, ...this.#strategy(), ...this.#template(name) },
    };
    await this.#client.create(deployments, deployment);
  }

  #strategy(): Pick<DeploymentSpec, "strategy" | "minReadySeconds" | "revisionHistoryLimit"> {
    const recreate = this.#happens(0.15);
    const maxSurge = this.#pick([0, 1, "25%", "50%"]);
    const maxUnavailable = maxSurge === 0 ? this.#pick([1, 2]) : this.#pick([0, 1, "25%"]);
    return {
      strategy: recreate ? { type: "Recreate" } : { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } },
      ...(this.#happens(0.3) && { minReadySeconds: 1 + Math.floor(this.#float() * 4) }),
      ...(this.#happens(0.5) && { revisionHistoryLimit: this.#pick([0, 1, 2]) }),
    };
  }

  #template(app: string, behaviour = "serves"): Pick<DeploymentSpec, "selector" | "template"> {
    const tolerations: Toleration[] = [...unwell, maintenance].map((key) => ({
      key,
      operator: "Exists",
      effect: "NoExecute",
      tolerationSeconds: 5,
    }));
    const cpu = this.#pick(["250m", "500m", "1"]);
    const containers = [{ name: "c", image: this.#image(behaviour), resources: { requests: { cpu } } }];
    return { selector: { matchLabels: { app } }, template: { metadata: { labels: { app } }, spec: { containers, tolerations } } };
  }

  async #newTemplate(): Promise<void> {
    const deployment = await this.#anyDeployment();
    if (deployment === undefined) return;
    const old = Math.max(1, this.#version - 2);
    const image = this.#happens(0.2)
      ? `serves:${old}`
      : this.#image(this.#pick(["serves", "serves", "serves", "broken", "flaky"]));
    const patch = { spec: { template: { spec: { containers: [{ name: "c", image }] } } } };
    await this.#client.patch(deployments, keyOf(deployment), { type: "strategic", patch });
  }

  async #scale(): Promise<void> {
    const deployment = await this.#anyDeployment();
    if (deployment === undefined) return;
    const room = mostReplicas - (await this.#asked()) + (deployment.spec?.replicas ?? 0);
    const replicas = Math.floor(this.#float() * (Math.min(6, room) + 1));
    await this.#client.patch(deployments, keyOf(deployment), merge({ spec: { replicas } }));
  }

  async #pause(): Promise<void> {
    const deployment = await this.#anyDeployment();
    if (deployment === undefined) return;
    await this.#client.patch(deployments, keyOf(deployment), merge({ spec: { paused: deployment.spec?.paused !== true } }));
  }

  async #deleteDeployment(): Promise<void> {
    const deployment = await this.#anyDeployment();
    if (deployment !== undefined) await this.#delete(deployments, deployment);
  }

  async #deletePod(): Promise<void> {
    const { items } = await this.#client.list(pods);
    if (items.length > 0) await this.#delete(pods, this.#pick(items), "Background");
  }

  async #runOnce(): Promise<void> {
    const containers = [{ name: "c", image: this.#image("once") }];
    const pod: Pod = { metadata: { namespace: "default", generateName: "once-" }, spec: { restartPolicy: "Never", containers } };
    await this.#client.create(pods, pod);
  }

  async #cordon(): Promise<void> {
    const { world } = this.#options;
    const name = this.#pick(world.nodeNames);
    const unschedulable = this.#happens(0.5) ? true : null;
    await this.#client.patch(nodes, { namespace: "", name }, merge({ spec: { unschedulable } }));
  }

  /** Of one node: its pods may stay for five seconds. Or takes the taint off. */
  async #taint(): Promise<void> {
    await this.#setTaint(this.#pick(this.#options.world.nodeNames), this.#happens(0.6));
  }

  async #setTaint(name: string, tainted: boolean): Promise<void> {
    const { spec, metadata } = await this.#client.get(nodes, { namespace: "", name });
    const others = (spec?.taints ?? []).filter(({ key }) => key !== maintenance);
    const taints = tainted ? [...others, { key: maintenance, effect: "NoExecute" }] : others;
    const patch = { metadata: { resourceVersion: metadata.resourceVersion }, spec: { taints } };
    await this.#client.patch(nodes, { namespace: "", name }, merge(patch));
  }

  /** Or gets it back. One at a time: what is left must hold everything. */
  async #loseNode(): Promise<void> {
    const { world } = this.#options;
    const lost = world.nodeNames.find((name) => !world.isRunning(name));
    if (lost !== undefined) world.startNode(lost);
    else world.kill(this.#pick(world.nodeNames));
  }

  /** Two owners, one that is owned by both, one by the second, one by nobody there is, and two that own each other. */
  async #makeOwners(): Promise<void> {
    const make = async (name: string, owners: readonly Stored<KubeObject>[] = []): Promise<Stored<ConfigMap>> =>
      this.#client.create<ConfigMap>(configMaps, {
        metadata: { namespace: "default", name, ownerReferences: owners.map(ownedBy) },
      });
    const first = await make("first-owner");
    const second = await make("second-owner");
    await make("owned-by-both", [first, second]);
    await make("owned-by-second", [second]);
    const lost = { ...second, metadata: { ...second.metadata, name: "nobody", uid: this.#options.random.uuid() } };
    await make("owned-by-nobody", [lost]);
    const left = await make("left");
    const right = await make("right", [left]);
    await this.#client.patch(configMaps, keyOf(left), merge({ metadata: { ownerReferences: [ownedBy(right)] } }));
  }

  async #deleteOwner(): Promise<void> {
    const name = this.#pick(["first-owner", "second-owner", "left"]);
    await this.#delete(configMaps, await this.#client.get(configMaps, { namespace: "default", name }));
  }

  async #makeTeam(): Promise<void> {
    await this.#client.create(namespaces, { metadata: { name: "team" } });
    await this.#client.create(configMaps, { metadata: { namespace: "team", name: "settings" } });
    const metadata = { namespace: "team", name: "only" };
    if ((await this.#asked()) < mostReplicas) {
      await this.#client.create(deployments, { metadata, spec: { replicas: 1, ...this.#template("only") } });
    }
  }

  async #deleteTeam(): Promise<void> {
    await this.#delete(namespaces, await this.#client.get(namespaces, { namespace: "", name: "team" }), "Background");
  }

  async #delete<T extends KubeObject>(
    type: ResourceType<T>,
    object: Stored<T>,
    propagationPolicy: (typeof policies)[number] = this.#pick(policies),
  ): Promise<void> {
    if (object.metadata.deletionTimestamp !== undefined) return;
    this.#options.cluster.deletedByUser.add(object.metadata.uid);
    await this.#client.delete(type, keyOf(object), { propagationPolicy });
  }

  async #anyDeployment(): Promise<Stored<Deployment> | undefined> {
    const { items } = await this.#client.list(deployments, { namespace: "default" });
    return items.length === 0 ? undefined : this.#pick(items);
  }

  /** By Deployments, and by ReplicaSets that lost theirs. */
  async #asked(): Promise<number> {
    const { cluster } = this.#options;
    const sets = cluster.ofKind<Deployment>("ReplicaSet").filter(({ metadata }) => (metadata.ownerReferences ?? []).length === 0);
    const all = [...(await this.#client.list(deployments)).items, ...sets];
    return all.reduce((sum, { spec }) => sum + (spec?.replicas ?? 0), 0);
  }

  #image(behaviour: string): string {
    return `${behaviour}:${++this.#version}`;
  }

  get #client(): ApiClient {
    return this.#options.world.admin;
  }

  #float(): number {
    return this.#options.random.float();
  }

  #happens(probability: number): boolean {
    return this.#float() < probability;
  }

  #pick<T>(from: readonly T[]): T {
    const chosen = from[Math.floor(this.#float() * from.length)];
    if (chosen === undefined) throw new Error("nothing to pick from");
    return chosen;
  }
}

async function refusalIsFine(doing: Promise<unknown>): Promise<void> {
  try {
    await doing;
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
  }
}

function imageOf({ spec }: Deployment): string {
  return spec?.template.spec?.containers[0]?.image ?? "";
}

function merge(patch: object) {
  return { type: "merge", patch } as const;
}

function ownedBy({ metadata: { name, uid } }: Stored<KubeObject>): OwnerReference {
  return { apiVersion: "v1", kind: "ConfigMap", name, uid, blockOwnerDeletion: true };
}

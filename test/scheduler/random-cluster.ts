import type {
  Affinity,
  Container,
  LabelSelector,
  Node,
  Pod,
  PodAffinityTerm,
  PodSpec,
  Taint,
  Toleration,
} from "#api/generated/types";
import type { TopologySpreadConstraint } from "#api/generated/types";
import { type Random, seededRandom } from "#base/random";
import type { World } from "./oracle/world.ts";

export interface Scenario {
  readonly pod: Pod;
  readonly world: World;
}

const namespaces = { default: { team: "x" }, other: { team: "y" } };
const apps = ["a", "b", "c"] as const;
const topologyKeys = ["kubernetes.io/hostname", "topology.kubernetes.io/zone", "rack"] as const;
const images = ["app", "app:2", "registry.example:5000/big", "db@sha256:1"] as const;

/** A small cluster, and a pod that looks for a place in it: few values of everything, so that they meet. */
export function randomScenario(seed: number): Scenario {
  return new Dealer(seededRandom(seed)).scenario();
}

class Dealer {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  scenario(): Scenario {
    const nodes = this.#times(1 + this.#below(6), (index) => this.#node(`n${index + 1}`));
    const placed = this.#times(this.#below(3 * nodes.length), (index) => this.#placed(`p${index}`, this.#pick(nodes)));
    const waiting = this.#chance(0.2) ? [this.#nominate(this.#pod("w"), nodes)] : [];
    const services = this.#maybe(0.2, () => [
      { metadata: { name: "s", namespace: "default" }, spec: { selector: { app: this.#pick(apps) } } },
    ]);
    const sets = [
      { metadata: { name: "r", namespace: "default" }, spec: { selector: { matchLabels: { app: "a" } }, template: {} } },
    ];
    const pod = this.#nominatedPerhaps(this.#wish(), nodes, placed);
    return { pod, world: { nodes, placed, waiting, namespaces, services: services ?? [], replicaSets: sets } };
  }

  #node(name: string): Node {
    const labels = {
      ...this.#maybe(0.9, () => ({ "kubernetes.io/hostname": name })),
      ...this.#maybe(0.85, () => ({ "topology.kubernetes.io/zone": this.#pick(["a", "b", "c"]) })),
      ...this.#maybe(0.5, () => ({ rack: this.#pick(["1", "2"]) })),
      ...this.#maybe(0.6, () => ({ disk: this.#pick(["ssd", "hdd"]), cores: this.#pick(["4", "16"]) })),
    };
    const held = images.filter(() => this.#chance(0.4)).map((image) => this.#imageOnNode(image));
    return {
      metadata: { name, labels },
      spec: {
        ...this.#maybe(0.06, () => ({ unschedulable: true })),
        ...this.#maybe(0.22, () => ({ taints: this.#times(1 + this.#below(2), () => this.#taint()) })),
      },
      status: {
        allocatable: {
          cpu: this.#pick(["2", "2500m", "4"]),
          memory: this.#pick(["2Gi", "4Gi"]),
          pods: this.#pick(["2", "4", "8", "8"]),
          ...this.#maybe(0.3, () => ({ "example.com/gpu": "1" })),
        },
        images: held,
      },
    };
  }

  #imageOnNode(image: string) {
    const name = /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
    return { names: [`also/${name}`, name], sizeBytes: image.length * 60_000_000 };
  }

  #taint(): Taint {
    return {
      key: this.#pick(["t", "u"]),
      value: this.#pick(["1", "2"]),
      effect: this.#pick(["NoSchedule", "NoExecute", "PreferNoSchedule"]),
    };
  }

  /** The pod that looks for a place wants more than others do. */
  #wish(): Pod {
    const pod = this.#pod("wish");
    const spec: PodSpec = {
      ...pod.spec,
      containers: pod.spec?.containers ?? [],
      ...this.#maybe(0.5, () => ({ priority: 7 })),
      ...this.#maybe(0.05, () => ({ preemptionPolicy: "Never" })),
      ...this.#maybe(0.04, () => ({ nodeName: "n1" })),
      ...this.#maybe(0.4, () => ({ tolerations: this.#times(1 + this.#below(2), () => this.#toleration()) })),
      ...this.#maybe(0.1, () => ({ nodeSelector: { disk: "ssd" } })),
      ...this.#maybe(0.35, () => ({ topologySpreadConstraints: this.#times(1 + this.#below(2), () => this.#spread()) })),
    };
    const affinity = { ...spec.affinity, ...this.#maybe(0.35, () => ({ nodeAffinity: this.#nodeAffinity() })) };
    return { ...pod, spec: { ...spec, affinity } };
  }

  #pod(name: string): Pod {
    const requests = () => ({
      ...this.#maybe(0.7, () => ({ cpu: this.#pick(["250m", "500m", "1", "2"]) })),
      ...this.#maybe(0.6, () => ({ memory: this.#pick(["256Mi", "512Mi", "1Gi"]) })),
      ...this.#maybe(0.03, () => ({ "example.com/gpu": "1" })),
    });
    const container = (of: string): Container => ({
      name: of,
      image: this.#pick(images),
      resources: { requests: requests() },
      ...this.#maybe(0.15, () => ({ ports: [this.#port()] })),
    });
    const sidecar = (): Container => ({ ...container("i"), ...this.#maybe(0.5, () => ({ restartPolicy: "Always" })) });
    return {
      metadata: {
        name,
        uid: name,
        namespace: this.#chance(0.8) ? "default" : "other",
        labels: { app: this.#pick(apps) },
        ...this.#maybe(0.2, () => ({
          ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "r", uid: "r", controller: true }],
        })),
      },
      spec: {
        containers: this.#times(1 + this.#below(2), (index) => container(`c${index}`)),
        ...this.#maybe(0.15, () => ({ initContainers: this.#times(1 + this.#below(2), sidecar) })),
        ...this.#maybe(0.05, () => ({ overhead: { cpu: "100m" } })),
        ...this.#maybe(0.7, () => ({ priority: this.#pick([-3, 1, 5, 9]) })),
        ...this.#maybe(0.3, () => ({ affinity: this.#podAffinity() })),
      },
    };
  }

  #placed(name: string, node: Node): Pod {
    const pod = this.#pod(name);
    const leaving = this.#chance(0.25);
    const marked = { type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler" };
    // No two start at the same time: whom to ask first would be a matter of taste.
    const startTime = new Date(Date.UTC(2026, 0, 1) + 1000 * (Number(name.slice(1)) + 100 * this.#below(1000))).toISOString();
    return {
      ...pod,
      metadata: { ...pod.metadata, ...(leaving && { deletionTimestamp: "2026-01-02T00:00:00Z" }) },
      spec: { containers: [], ...pod.spec, nodeName: node.metadata.name ?? "" },
      status: { startTime, ...(leaving && { conditions: [marked] }) },
    };
  }

  /** Rather where pods are about to leave. */
  #nominatedPerhaps(pod: Pod, nodes: readonly Node[], placed: readonly Pod[]): Pod {
    const left = placed.filter(({ metadata }) => metadata.deletionTimestamp !== undefined).map(({ spec }) => spec?.nodeName);
    const busy = nodes.filter(({ metadata }) => left.includes(metadata.name));
    return this.#chance(0.2) ? this.#nominate(pod, busy.length > 0 ? busy : nodes) : pod;
  }

  #nominate(pod: Pod, nodes: readonly Node[]): Pod {
    return { ...pod, status: { nominatedNodeName: this.#pick(nodes).metadata.name ?? "" } };
  }

  #port() {
    return {
      containerPort: 80,
      hostPort: this.#pick([80, 81]),
      ...this.#maybe(0.3, () => ({ protocol: "UDP" })),
      ...this.#maybe(0.3, () => ({ hostIP: this.#pick(["10.0.0.1", "0.0.0.0"]) })),
    };
  }

  #toleration(): Toleration {
    return {
      ...this.#maybe(0.9, () => ({ key: this.#pick(["t", "u", "node.kubernetes.io/unschedulable"]) })),
      ...(this.#chance(0.6) ? { operator: "Exists" } : { operator: "Equal", value: this.#pick(["1", "2"]) }),
      ...this.#maybe(0.3, () => ({ effect: this.#pick(["NoSchedule", "NoExecute", "PreferNoSchedule"]) })),
    };
  }

  #nodeAffinity(): NonNullable<Affinity["nodeAffinity"]> {
    const expression = () =>
      this.#pick([
        { key: "disk", operator: "In", values: ["ssd"] },
        { key: "disk", operator: "NotIn", values: ["ssd"] },
        { key: "cores", operator: "Gt", values: ["8"] },
        { key: "cores", operator: "Lt", values: ["8"] },
        { key: "rack", operator: "Exists" },
        { key: "rack", operator: "DoesNotExist" },
      ]);
    const term = () => ({
      matchExpressions: this.#times(1 + this.#below(2), expression),
      ...this.#maybe(0.1, () => ({ matchFields: [{ key: "metadata.name", operator: "NotIn", values: ["n1"] }] })),
    });
    const required = { nodeSelectorTerms: this.#times(1 + this.#below(2), term) };
    const preferred = () => this.#times(1 + this.#below(3), () => ({ weight: 1 + this.#below(100), preference: term() }));
    return {
      ...this.#maybe(0.5, () => ({ requiredDuringSchedulingIgnoredDuringExecution: required })),
      ...this.#maybe(0.7, () => ({ preferredDuringSchedulingIgnoredDuringExecution: preferred() })),
    };
  }

  #podAffinity(): Affinity {
    const group = () => ({
      ...this.#maybe(0.4, () => ({
        requiredDuringSchedulingIgnoredDuringExecution: this.#times(1 + this.#below(2), () => this.#term()),
      })),
      ...this.#maybe(0.5, () => ({
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 + this.#below(100), podAffinityTerm: this.#term() }],
      })),
    });
    return { ...this.#maybe(0.5, () => ({ podAffinity: group() })), ...this.#maybe(0.5, () => ({ podAntiAffinity: group() })) };
  }

  #term(): PodAffinityTerm {
    return {
      topologyKey: this.#pick(topologyKeys),
      ...this.#maybe(0.95, () => ({ labelSelector: this.#selector() })),
      ...this.#maybe(0.15, () => ({ namespaces: [this.#pick(["default", "other"])] })),
      ...this.#maybe(0.15, () => ({
        namespaceSelector: this.#chance(0.5) ? {} : { matchLabels: { team: this.#pick(["x", "y"]) } },
      })),
    };
  }

  #spread(): TopologySpreadConstraint {
    return {
      topologyKey: this.#pick(topologyKeys),
      maxSkew: 1 + this.#below(2),
      whenUnsatisfiable: this.#pick(["DoNotSchedule", "ScheduleAnyway"]),
      labelSelector: this.#selector(),
      ...this.#maybe(0.2, () => ({ minDomains: 1 + this.#below(3) })),
      ...this.#maybe(0.2, () => ({ nodeAffinityPolicy: this.#pick(["Honor", "Ignore"]) })),
      ...this.#maybe(0.3, () => ({ nodeTaintsPolicy: this.#pick(["Honor", "Ignore"]) })),
    };
  }

  #selector(): LabelSelector {
    return this.#pick<LabelSelector>([
      { matchLabels: { app: this.#pick(apps) } },
      { matchLabels: { app: this.#pick(apps) } },
      { matchExpressions: [{ key: "app", operator: "In", values: ["a", "b"] }] },
      { matchExpressions: [{ key: "app", operator: "NotIn", values: ["a"] }] },
      {},
    ]);
  }

  #below(limit: number): number {
    return Math.floor(this.#random.float() * limit);
  }

  #chance(probability: number): boolean {
    return this.#random.float() < probability;
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)] as T;
  }

  #maybe<T>(probability: number, make: () => T): T | undefined {
    return this.#chance(probability) ? make() : undefined;
  }

  #times<T>(count: number, make: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => make(index));
  }
}

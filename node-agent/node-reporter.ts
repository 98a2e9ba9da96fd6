import { microTimestamp } from "#base/clock";
import type { Lease, Node, NodeCondition } from "#api/generated/types";
import type { Stored } from "#api/object";
import { leases, nodes } from "#api/resource-type";
import { hasReason } from "#api/status";
import { Backoff } from "#client/backoff";
import type { AgentParts } from "./agent-parts.ts";
import type { NodePressure } from "./eviction/node-pressure.ts";
import { newNode, type NodeInput, nodeLabels, nodeStatus, withoutHeartbeats } from "./node-status.ts";
import { RuntimeHealth } from "./runtime-health.ts";
import { same } from "./status-writer.ts";

export interface NodeReporterOptions {
  readonly parts: AgentParts;
  readonly podCidr: string;
  readonly pressure: NodePressure;
  readonly port?: number;
}

const statusEveryMs = 10_000;
/** An unchanged status is written again that often (upstream: nodeStatusReportFrequency). */
const heartbeatEveryMs = 300_000;
const leaseEveryMs = 10_000;
const leaseSeconds = 40;
const leaseNamespace = "kube-node-lease";

/** Puts the node into the API and keeps saying how it is: its status when that changes, its Lease all the time. */
export class NodeReporter {
  readonly #parts: AgentParts;
  readonly #options: NodeReporterOptions;
  readonly #health: RuntimeHealth;
  #node: Stored<Node> | undefined;
  #lease: Stored<Lease> | undefined;
  #writtenAt = -Infinity;

  constructor(options: NodeReporterOptions) {
    this.#parts = options.parts;
    this.#options = options;
    this.#health = new RuntimeHealth(options.parts);
  }

  /** Resolves once the node is in the API. Retries for as long as it takes. */
  async register(): Promise<void> {
    const backoff = new Backoff({ ...this.#parts, initialMs: 200, maxMs: 7000 });
    await this.#health.ask();
    for (;;) {
      try {
        this.#node = await this.#createOrFind();
        break;
      } catch (error) {
        this.#parts.signal.throwIfAborted();
        this.#parts.log.warn("the node could not be registered", { reason: (error as Error).message });
        await backoff.wait(this.#parts.signal);
      }
    }
    this.#parts.record(this.#about(), "Normal", "Starting", "Starting kubelet.");
    await this.#reportStatus();
  }

  /** Resolves when the signal aborts. */
  async run(): Promise<void> {
    await Promise.all([
      this.#health.run(this.#parts.signal),
      this.#forEver(statusEveryMs, "the node's status could not be written", () => this.#reportStatus()),
      this.#forEver(leaseEveryMs, "the node's lease could not be renewed", () => this.#renewLease()),
    ]);
  }

  async #forEver(everyMs: number, complaint: string, task: () => Promise<void>): Promise<void> {
    const { clock, signal, log } = this.#parts;
    while (!signal.aborted) {
      try {
        await task();
      } catch (error) {
        log.warn(complaint, { reason: (error as Error).message });
      }
      await clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }

  async #createOrFind(): Promise<Stored<Node>> {
    const { client, nodeName, signal } = this.#parts;
    const node = newNode(await this.#input());
    try {
      return await client.create(nodes, node, { signal });
    } catch (error) {
      if (!hasReason(error, "AlreadyExists")) throw error;
    }
    const found = await client.get(nodes, { namespace: "", name: nodeName }, { signal });
    const labels = nodeLabels(this.#parts);
    const missing = Object.entries(labels).some(([key, value]) => found.metadata.labels?.[key] !== value);
    if (!missing && found.spec?.podCIDR !== undefined) return found;
    const patch = { metadata: { labels }, ...(found.spec?.podCIDR === undefined && { spec: node.spec }) };
    return client.patch(nodes, { namespace: "", name: nodeName }, { type: "strategic", patch }, { signal });
  }

  async #reportStatus(): Promise<void> {
    const { client, nodeName, clock, signal } = this.#parts;
    const before = this.#node?.status;
    const status = nodeStatus(await this.#input());
    const overdue = clock.monotonic() - this.#writtenAt >= heartbeatEveryMs;
    if (!overdue && before !== undefined && same(withoutHeartbeats({ ...before, ...status }), withoutHeartbeats(before))) return;
    try {
      const patch = { type: "strategic", patch: { status } } as const;
      this.#node = await client.patch(nodes, { namespace: "", name: nodeName }, patch, { subresource: "status", signal });
      this.#writtenAt = clock.monotonic();
    } catch (error) {
      // Somebody deleted it: a node that runs is in the API.
      if (!hasReason(error, "NotFound")) throw error;
      this.#node = await this.#createOrFind();
    }
    this.#tellTransitions(before?.conditions ?? [], status.conditions ?? []);
  }

  async #input(): Promise<NodeInput> {
    const { nodeName, nodeAddress, machine, runtimeName, images, clock } = this.#parts;
    const { podCidr, port, pressure } = this.#options;
    const failure = this.#health.failure();
    return {
      nodeName,
      nodeAddress,
      podCidr,
      machine,
      pressure: (type) => pressure.has(type),
      runtimeVersion: this.#health.info?.version ?? this.#node?.status?.nodeInfo?.containerRuntimeVersion ?? `${runtimeName}://`,
      ...(failure !== undefined && { runtimeFailure: failure }),
      images: await images.list().catch(() => []),
      ...(port !== undefined && { port }),
      now: clock.now(),
      ...(this.#node?.status !== undefined && { before: this.#node.status }),
    };
  }

  async #renewLease(): Promise<void> {
    const { client, nodeName, clock, signal } = this.#parts;
    const renewTime = microTimestamp(clock.now());
    try {
      this.#lease ??= await client.get(leases, { namespace: leaseNamespace, name: nodeName }, { signal });
      const spec = { ...this.#lease.spec, holderIdentity: nodeName, leaseDurationSeconds: leaseSeconds, renewTime };
      this.#lease = await client.update(leases, { ...this.#lease, spec }, { signal });
    } catch (error) {
      this.#lease = undefined;
      if (hasReason(error, "NotFound")) this.#lease = await client.create(leases, this.#newLease(renewTime), { signal });
      else if (!hasReason(error, "Conflict")) throw error;
    }
  }

  #newLease(renewTime: string): Lease {
    const { nodeName } = this.#parts;
    const owner = { apiVersion: "v1", kind: "Node", name: nodeName, uid: this.#node?.metadata.uid ?? "" };
    return {
      metadata: { namespace: leaseNamespace, name: nodeName, ownerReferences: [owner] },
      spec: { holderIdentity: nodeName, leaseDurationSeconds: leaseSeconds, renewTime },
    };
  }

  #tellTransitions(before: readonly NodeCondition[], after: readonly NodeCondition[]): void {
    for (const { type, status } of after) {
      const old = before.find((condition) => condition.type === type);
      const reason = transitions[type]?.[status === "True" ? 0 : 1];
      if (reason === undefined || old?.status === status) continue;
      this.#parts.record(this.#about(), "Normal", reason, `Node ${this.#parts.nodeName} status is now: ${reason}`);
    }
  }

  /** Events about nodes name the node as its uid, so that they are found before it is registered (upstream: nodeRef). */
  #about() {
    const { nodeName } = this.#parts;
    return { apiVersion: "v1", kind: "Node", metadata: { name: nodeName, uid: nodeName } };
  }
}

/** Reason when it becomes true, and when it becomes false. */
const transitions: Partial<Record<string, readonly [string, string]>> = {
  MemoryPressure: ["NodeHasInsufficientMemory", "NodeHasSufficientMemory"],
  DiskPressure: ["NodeHasDiskPressure", "NodeHasNoDiskPressure"],
  PIDPressure: ["NodeHasInsufficientPID", "NodeHasSufficientPID"],
  Ready: ["NodeReady", "NodeNotReady"],
};

import { isDeepStrictEqual } from "node:util";
import type { Clock } from "#base/clock";
import { timestamp } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { Node, Pod, PodCondition } from "#api/generated/types";
import { keyOf, keyText, type KubeObject, type Stored } from "#api/object";
import { nodes as nodeType, pods as podType } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiClient } from "#client/api-client";
import { EventRecorder } from "#client/event-recorder";
import { type Change, Informer } from "#client/informer";
import type { SchedulerPlugin } from "./plugin.ts";
import { type QueuedPod, SchedulingQueue } from "./queue.ts";
import { schedule } from "./schedule.ts";
import { ClusterState } from "./snapshot.ts";

export interface SchedulerOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly plugins: readonly SchedulerPlugin[];
  /** Pods that name another one are none of its business. */
  readonly schedulerName: string;
}

/** Others get their turn at least this often. */
const longestSliceMs = 8;

/**
 * Gives pods their nodes, one pod after the other, each decision seeing the ones before it although the API server has not confirmed them
 * yet: a pod counts on its node from the decision on, until the informer shows that it is there or the binding failed.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #state = new ClusterState();
  readonly #queue: SchedulingQueue;
  readonly #recorder: EventRecorder;
  /** Decided, and not shown by the informer yet, by uid. */
  readonly #assumed = new Set<string>();

  constructor(options: SchedulerOptions) {
    const { plugins, schedulerName } = options;
    this.#options = options;
    this.#pods = new Informer({ ...options, type: podType });
    this.#nodes = new Informer({ ...options, type: nodeType });
    const wakesOn = new Map(plugins.map((plugin) => [plugin.name, plugin.wakesOn ?? []]));
    this.#queue = new SchedulingQueue({ clock: options.clock, wakesOn });
    this.#recorder = new EventRecorder({ ...options, component: schedulerName });
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#nodes.changes.subscribe((change) => this.#nodeChanged(change));
    this.#pods.changes.subscribe((change) => this.#podChanged(change));
    const informers = Promise.all([this.#nodes.run(signal), this.#pods.run(signal)]);
    try {
      await Promise.all([this.#nodes.synced(signal), this.#pods.synced(signal)]);
      await this.#loop(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await Promise.all([informers, this.#recorder.stop()]);
    }
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (const pod of this.#pods.list()) this.#sayGated(pod, signal);
    this.#pods.changes.subscribe(({ type, object }) => {
      if (type !== "deleted") this.#sayGated(object, signal);
    });
    for (let resumed = clock.monotonic(); ;) {
      const queued = await this.#queue.take(signal);
      this.#attempt(queued, signal);
      if (clock.monotonic() - resumed < longestSliceMs) continue;
      await clock.sleep(0, signal);
      resumed = clock.monotonic();
    }
  }

  /** Synchronous up to the decision, so that nothing that happens meanwhile is missed. */
  #attempt(queued: QueuedPod, signal: AbortSignal): void {
    const { pod } = queued;
    const { plugins, random, log } = this.#options;
    try {
      const decision = schedule(pod, this.#state.snapshot(), plugins, random);
      if (decision.type === "node") {
        this.#state.setPod(pod, decision.name);
        this.#assumed.add(pod.metadata.uid);
        void this.#bind(queued, decision.name, signal);
        return;
      }
      this.#queue.park(queued, decision.plugins);
      this.#report(pod, "Unschedulable", decision.message, signal);
    } catch (error) {
      log.error("an attempt to schedule a pod failed", { pod: keyText(keyOf(pod)), error });
      this.#queue.retry(queued);
      this.#report(pod, "SchedulerError", (error as Error).message, signal);
    }
  }

  async #bind(queued: QueuedPod, node: string, signal: AbortSignal): Promise<void> {
    const { pod } = queued;
    const key = keyOf(pod);
    const target = { apiVersion: "v1", kind: "Node", name: node };
    const binding = { apiVersion: "v1", kind: "Binding", metadata: { ...key, uid: pod.metadata.uid }, target };
    try {
      await this.#options.client.createSubresource(podType, key, "binding", binding, { signal });
      this.#recorder.event(pod, "Normal", "Scheduled", `Successfully assigned ${keyText(key)} to ${node}`);
    } catch (error) {
      if (signal.aborted) return;
      this.#bindingFailed(queued, error, signal);
    }
  }

  #bindingFailed(queued: QueuedPod, error: unknown, signal: AbortSignal): void {
    const { pod } = queued;
    const { uid } = pod.metadata;
    // The informer showed the truth in the meantime: bound after all, or gone.
    if (!this.#assumed.delete(uid)) return;
    this.#state.deletePod(uid);
    this.#queue.happened("podDeleted");
    if (hasReason(error, "NotFound")) return;
    const current = this.#pods.get(keyOf(pod));
    if (current?.metadata.uid !== uid || !this.#isPending(current)) return;
    this.#queue.retry({ ...queued, pod: current });
    this.#report(current, "SchedulerError", `Binding rejected: ${(error as Error).message}`, signal);
  }

  /** A pod that is held back says so. */
  #sayGated(pod: Stored<Pod>, signal: AbortSignal): void {
    if (!this.#isOurs(pod) || (pod.spec?.schedulingGates ?? []).length === 0) return;
    void this.#setCondition(pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates", signal);
  }

  #report(pod: Stored<Pod>, reason: string, message: string, signal: AbortSignal): void {
    this.#recorder.event(pod, "Warning", "FailedScheduling", message);
    void this.#setCondition(pod, reason, message, signal);
  }

  async #setCondition(pod: Stored<Pod>, reason: string, message: string, signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#options;
    const known = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
    if (known?.status === "False" && known.reason === reason && known.message === message) return;
    const now = timestamp(clock.now());
    const lastTransitionTime = known?.status === "False" ? (known.lastTransitionTime ?? now) : now;
    const condition: PodCondition = { type: "PodScheduled", status: "False", reason, message, lastTransitionTime };
    const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition] } };
    try {
      await client.patch(podType, keyOf(pod), { type: "strategic", patch }, { subresource: "status", signal });
    } catch (error) {
      if (signal.aborted || hasReason(error, "NotFound", "Conflict")) return;
      log.warn("could not write a pod's condition", { pod: keyText(keyOf(pod)), reason: (error as Error).message });
    }
  }

  #nodeChanged(change: Change<Node>): void {
    const { object } = change;
    if (change.type === "deleted") {
      this.#state.deleteNode(object.metadata.name);
      this.#queue.happened("nodeDeleted");
      return;
    }
    this.#state.setNode(object);
    if (change.type === "added") this.#queue.happened("nodeAdded");
    else if (!isDeepStrictEqual(relevant(change.old), relevant(object))) this.#queue.happened("nodeUpdated");
  }

  #podChanged(change: Change<Pod>): void {
    const pod = change.object;
    const { uid } = pod.metadata;
    if (change.type === "deleted" || isFinished(pod)) {
      this.#forget(pod);
    } else if ((pod.spec?.nodeName ?? "") !== "") {
      this.#queue.delete(uid);
      this.#assumed.delete(uid);
      this.#state.setPod(pod, pod.spec?.nodeName ?? "");
      this.#queue.happened(change.type === "updated" && (change.old.spec?.nodeName ?? "") !== "" ? "podUpdated" : "podAdded");
    } else if (!this.#isPending(pod)) {
      this.#queue.delete(uid);
    } else if (!this.#assumed.has(uid)) {
      this.#enqueue(change);
    }
  }

  #forget(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    this.#queue.delete(uid);
    this.#assumed.delete(uid);
    this.#state.deletePod(uid);
    if ((pod.spec?.nodeName ?? "") !== "") this.#queue.happened("podDeleted");
  }

  #enqueue(change: Change<Pod>): void {
    const { object: pod } = change;
    const changed = change.type !== "updated" || !sameWish(change.old, pod) || !this.#queue.has(pod.metadata.uid);
    if (changed) this.#queue.add(pod);
    else this.#queue.refresh(pod);
  }

  /** Ours to find a node for, now. Who holds it back by a gate will let it go. */
  #isPending(pod: Pod): boolean {
    const { spec, metadata } = pod;
    const gated = (spec?.schedulingGates ?? []).length > 0;
    return this.#isOurs(pod) && !gated && (spec?.nodeName ?? "") === "" && metadata.deletionTimestamp === undefined;
  }

  #isOurs({ spec }: Pod): boolean {
    return (spec?.schedulerName ?? "default-scheduler") === this.#options.schedulerName;
  }
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** What decisions depend on: heartbeats are not among it. */
function relevant({ metadata, spec, status }: Node): object {
  return { labels: metadata.labels, taints: spec?.taints, unschedulable: spec?.unschedulable, allocatable: status?.allocatable };
}

function sameWish(old: KubeObject & { spec?: unknown }, pod: KubeObject & { spec?: unknown }): boolean {
  return isDeepStrictEqual(old.spec, pod.spec) && isDeepStrictEqual(old.metadata.labels, pod.metadata.labels);
}

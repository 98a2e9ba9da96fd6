import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { Node, Pod } from "#api/generated/types";
import { keyOf, keyText, type Stored } from "#api/object";
import { nodes as nodeType, pods as podType } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiClient } from "#client/api-client";
import { EventRecorder } from "#client/event-recorder";
import { type Change, Informer } from "#client/informer";
import { mayHaveHappened } from "#client/unknown-outcome";
import type { ClusterEvent } from "./cluster-event.ts";
import { evict } from "./eviction.ts";
import type { SchedulerPlugin } from "./plugin.ts";
import { type PodInfo, podInfoOf } from "./pod-info.ts";
import { type NotScheduled, PodStatusWriter } from "./pod-status-writer.ts";
import { type QueuedPod, SchedulingQueue } from "./queue.ts";
import { RelatedInformers } from "./related-objects.ts";
import { isFinished, isPlaced, nodeEvent, placedPodEvent, wishChanged } from "./relevant-changes.ts";
import { type NoNode, schedule } from "./schedule.ts";
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

/** How often it is asked what became of a binding. */
const bindingRetryMs = 1000;

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
  readonly #related: RelatedInformers;
  readonly #state: ClusterState;
  readonly #queue: SchedulingQueue;
  readonly #recorder: EventRecorder;
  readonly #status: PodStatusWriter;
  /** Decided, and not shown by the informer yet, by uid. */
  readonly #assumed = new Set<string>();

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#pods = new Informer({ ...options, type: podType });
    this.#nodes = new Informer({ ...options, type: nodeType });
    this.#related = new RelatedInformers(options);
    this.#state = new ClusterState(this.#related);
    this.#queue = new SchedulingQueue(options);
    this.#recorder = new EventRecorder({ ...options, component: options.schedulerName });
    this.#status = new PodStatusWriter(options);
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#nodes.changes.subscribe((change) => this.#nodeChanged(change));
    this.#pods.changes.subscribe((change) => this.#podChanged(change));
    this.#related.onNamespaceLabels(() => this.#queue.happened({ type: "namespaceChanged" }));
    const followed = [this.#nodes, this.#pods, this.#related];
    const informers = Promise.all(followed.map((informer) => informer.run(signal)));
    try {
      await Promise.all(followed.map((informer) => informer.synced(signal)));
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

  /** Synchronous up to the decision, so that it is made on one state of the cluster. */
  #attempt(queued: QueuedPod, signal: AbortSignal): void {
    const { info } = queued;
    const { plugins, random, log } = this.#options;
    try {
      const decision = schedule(info, this.#state.snapshot(), plugins, random);
      if (decision.type === "node") {
        this.#state.setPod(info, decision.name);
        this.#assumed.add(info.uid);
        void this.#bind(queued, decision.name, signal);
      } else {
        void this.#wait(queued, decision, signal);
      }
    } catch (error) {
      log.error("an attempt to schedule a pod failed", { pod: keyText(keyOf(info.pod)), error });
      this.#queue.retry(queued);
      void this.#report(info.pod, { reason: "SchedulerError", message: (error as Error).message }, signal);
    }
  }

  /**
   * The nomination is written before anybody is asked to leave, so that a scheduler that takes over in between knows whom the room is for.
   * The pod is not tried again before all are asked: it would find other victims, or the same ones. What happens meanwhile wakes it
   * afterwards.
   */
  async #wait(queued: QueuedPod, { message, nominated, plugins, victims }: NoNode, signal: AbortSignal): Promise<void> {
    const { pod } = queued.info;
    this.#nominate(queued, nominated);
    const why = { reason: "Unschedulable", message, ...(nominated !== undefined && { nominatedNodeName: nominated }) };
    const reported = this.#report(pod, why, signal);
    if (victims.length > 0 && nominated !== undefined) {
      try {
        await reported;
        // The pod may have gone while this was written: nobody needs to leave for it.
        if (!this.#queue.has(queued.info.uid)) return;
        this.#takeBackNominations(queued, nominated, signal);
        const those = { preemptor: pod, victims: victims.map((victim) => victim.pod), node: nominated };
        await evict({ ...this.#options, recorder: this.#recorder }, those, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warn("could not make room for a pod", { pod: keyText(keyOf(pod)), reason: (error as Error).message });
        this.#queue.retry(queued);
        return;
      }
    }
    this.#queue.park(queued, plugins);
  }

  #nominate({ info }: QueuedPod, node: string | undefined): void {
    if (node === undefined) return;
    if (node !== "") this.#state.nominations.set(info, node);
    else this.#unnominate(info.pod);
  }

  /** Whoever the pod had kept out may come now. */
  #unnominate(pod: Stored<Pod>): void {
    if (this.#state.nominations.delete(pod.metadata.uid)) this.#queue.happened({ type: "podDeleted", pod });
  }

  /** Pods of lower priority may not fit there any more, and should look elsewhere. */
  #takeBackNominations({ info }: QueuedPod, node: string, signal: AbortSignal): void {
    for (const other of this.#state.nominations.on(node)) {
      if (other.priority >= info.priority) continue;
      this.#state.nominations.delete(other.uid);
      void this.#status.notNominated(other.pod, signal);
      this.#queue.add(other);
    }
  }

  async #bind(queued: QueuedPod, node: string, signal: AbortSignal): Promise<void> {
    const { pod } = queued.info;
    const key = keyOf(pod);
    const target = { apiVersion: "v1", kind: "Node", name: node };
    const binding = { apiVersion: "v1", kind: "Binding", metadata: { ...key, uid: pod.metadata.uid }, target };
    try {
      await this.#options.client.createSubresource(podType, key, "binding", binding, { signal });
      this.#queue.delete(pod.metadata.uid);
      this.#recorder.event(pod, "Normal", "Scheduled", `Successfully assigned ${keyText(key)} to ${node}`);
    } catch (error) {
      if (signal.aborted) return;
      if (mayHaveHappened(error) && (await this.#isBound(pod, signal))) return;
      this.#bindingFailed(queued, error, signal);
    }
  }

  /**
   * Whether a binding that was not answered was made, by the server's own word. Until that is known the pod keeps its room: it may be
   * there already. @throws never; false when the pod is gone or the signal aborts
   */
  async #isBound({ metadata }: Stored<Pod>, signal: AbortSignal): Promise<boolean> {
    const { client, clock } = this.#options;
    while (this.#assumed.has(metadata.uid) && !signal.aborted) {
      try {
        const found = await client.get(podType, keyOf({ metadata }), { signal });
        return found.metadata.uid === metadata.uid && isPlaced(found);
      } catch (error) {
        if (hasReason(error, "NotFound")) return false;
        await clock.sleep(bindingRetryMs, signal).catch(() => undefined);
      }
    }
    return false;
  }

  #bindingFailed(queued: QueuedPod, error: unknown, signal: AbortSignal): void {
    const { pod, uid } = queued.info;
    // The informer showed the truth in the meantime: bound after all, or gone.
    if (signal.aborted || !this.#assumed.delete(uid)) return;
    this.#state.deletePod(uid);
    const current = this.#pods.get(keyOf(pod));
    if (current?.metadata.uid === uid && this.#isPending(current) && !hasReason(error, "NotFound")) {
      const info = podInfoOf(current);
      const nominated = current.status?.nominatedNodeName ?? "";
      if (nominated !== "") this.#state.nominations.set(info, nominated);
      this.#queue.refresh(info);
      this.#queue.retry(queued);
      void this.#report(current, { reason: "SchedulerError", message: `Binding rejected: ${(error as Error).message}` }, signal);
    } else {
      this.#queue.delete(uid);
    }
    this.#queue.happened({ type: "podDeleted", pod });
  }

  /** A pod that is held back says so. */
  #sayGated(pod: Stored<Pod>, signal: AbortSignal): void {
    if (!this.#isOurs(pod) || (pod.spec?.schedulingGates ?? []).length === 0) return;
    const message = "Scheduling is blocked due to non-empty scheduling gates";
    void this.#status.notScheduled(pod, { reason: "SchedulingGated", message }, signal);
  }

  async #report(pod: Stored<Pod>, why: NotScheduled, signal: AbortSignal): Promise<void> {
    this.#recorder.event(pod, "Warning", "FailedScheduling", why.message);
    await this.#status.notScheduled(pod, why, signal);
  }

  #nodeChanged(change: Change<Node>): void {
    if (change.type === "deleted") this.#state.deleteNode(change.object.metadata.name);
    else this.#state.setNode(change.object);
    this.#happened(nodeEvent(change));
  }

  #podChanged(change: Change<Pod>): void {
    const pod = change.object;
    const { uid } = pod.metadata;
    if (change.type === "deleted" || isFinished(pod)) this.#forget(pod);
    else if (isPlaced(pod)) this.#placed(change);
    else if (!this.#isPending(pod)) {
      this.#queue.delete(uid);
      this.#unnominate(pod);
    } else if (!this.#assumed.has(uid)) this.#enqueue(change);
  }

  #placed(change: Change<Pod>): void {
    const pod = change.object;
    const { uid } = pod.metadata;
    this.#queue.delete(uid);
    this.#assumed.delete(uid);
    this.#state.setPod(pod, pod.spec?.nodeName ?? "");
    this.#happened(placedPodEvent(change));
  }

  #forget(pod: Stored<Pod>): void {
    const { uid } = pod.metadata;
    this.#queue.delete(uid);
    this.#state.deletePod(uid);
    this.#unnominate(pod);
    if (this.#assumed.delete(uid) || isPlaced(pod)) this.#queue.happened({ type: "podDeleted", pod });
  }

  #enqueue(change: Change<Pod>): void {
    const info = podInfoOf(change.object);
    this.#followNomination(info, change);
    if (wishChanged(change) || !this.#queue.has(info.uid)) this.#queue.add(info);
    else this.#queue.refresh(info);
  }

  #happened(event: ClusterEvent | undefined): void {
    if (event !== undefined) this.#queue.happened(event);
  }

  /** What this scheduler nominated and has not written yet stands until another is written, by one before it or by hand. */
  #followNomination(info: PodInfo, change: Change<Pod>): void {
    const { nominations } = this.#state;
    const known = nominations.nodeOf(info.uid);
    const written = info.pod.status?.nominatedNodeName ?? "";
    const before = change.type === "updated" ? (change.old.status?.nominatedNodeName ?? "") : "";
    if (written !== before && written !== "") nominations.set(info, written);
    else if (written !== before && known === before) this.#unnominate(info.pod);
    else if (known !== undefined) nominations.set(info, known);
  }

  /** Ours to find a node for, now. Who holds it back by a gate will let it go. */
  #isPending(pod: Pod): boolean {
    const gated = (pod.spec?.schedulingGates ?? []).length > 0;
    return this.#isOurs(pod) && !gated && !isPlaced(pod) && pod.metadata.deletionTimestamp === undefined;
  }

  #isOurs({ spec }: Pod): boolean {
    return (spec?.schedulerName ?? "default-scheduler") === this.#options.schedulerName;
  }
}

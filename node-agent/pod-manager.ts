import { pods } from "#api/resource-type";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { Informer } from "#client/informer";
import { WorkQueue } from "#client/work-queue";
import type { AgentParts } from "./agent-parts.ts";
import type { Verdict } from "./pod-plan.ts";
import { findRemnants, type Remains } from "./remnants.ts";
import { PodWorker } from "./pod-worker.ts";
import { specOf, type StoredPod } from "./pod-spec.ts";
import { classCgroup, classResources } from "./resources.ts";
import { fingerprints } from "./runtime-state.ts";

/** The runtime is looked at anew at least that often, whether or not it announced anything (upstream: PLEG relist). */
const relistMs = 5000;
const remnantsEveryMs = 60_000;

/**
 * Looks after all pods of the node: one serial worker each, woken by changes of the API, of the runtime and by time. What runs
 * although no pod of the API asks for it is ended, once the API has been read completely.
 */
export class PodManager {
  readonly #parts: AgentParts;
  readonly #informer: Informer<Pod>;
  readonly #queue: WorkQueue;
  readonly #workers = new Map<string, PodWorker>();
  #seen: ReadonlyMap<string, string> = new Map();

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#informer = new Informer({ ...parts, type: pods, fieldSelector: `spec.nodeName=${parts.nodeName}` });
    this.#queue = new WorkQueue({ clock: parts.clock, baseDelayMs: 500, maxDelayMs: 60_000 });
  }

  /** The pod as it was last seen in the API. */
  find(namespace: string, name: string): StoredPod | undefined {
    const pod = this.#informer.get({ namespace, name });
    return pod === undefined ? undefined : (this.#workers.get(pod.metadata.uid)?.pod ?? pod);
  }

  get pods(): readonly StoredPod[] {
    return [...this.#workers.values()].map(({ pod }) => pod);
  }

  evict(podUid: string, verdict: Verdict): void {
    this.#workers.get(podUid)?.evict(verdict);
    this.#queue.add(podUid);
  }

  /** Resolves when the signal aborts. Containers go on running. */
  async run(): Promise<void> {
    const { signal } = this.#parts;
    const subscription = this.#informer.changes.subscribe(({ type, object }) => {
      if (type === "deleted") this.#gone(object);
      else this.#changed(object);
    });
    const running = this.#informer.run(signal);
    try {
      await this.#informer.synced(signal);
      await Promise.all([this.#relistForEver(), this.#followRuntime(), this.#endRemnantsForEver(), this.#work()]);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      subscription.unsubscribe();
      this.#queue.shutDown();
      for (const worker of this.#workers.values()) worker.stop();
      await running;
    }
  }

  #changed(pod: Stored<Pod>): void {
    if (specOf(pod).nodeName !== this.#parts.nodeName) return;
    const { uid } = pod.metadata;
    const worker = this.#workers.get(uid);
    if (worker === undefined) this.#add(pod);
    else worker.update(pod);
    this.#queue.add(uid);
  }

  #gone(pod: Stored<Pod>): void {
    const worker = this.#workers.get(pod.metadata.uid);
    worker?.orphan();
    if (worker !== undefined) this.#queue.add(pod.metadata.uid);
  }

  #add(pod: StoredPod): PodWorker {
    const { uid } = pod.metadata;
    const worker = new PodWorker({ parts: this.#parts, pod, changed: () => this.#queue.add(uid) });
    this.#workers.set(uid, worker);
    return worker;
  }

  /** All that want it at the same time, each pod in passes of its own one after the other: a pod that hangs keeps up no other. */
  async #work(): Promise<void> {
    const passes = new Set<Promise<void>>();
    for (let uid = await this.#queue.take(); uid !== undefined; uid = await this.#queue.take()) {
      const key = uid;
      const pass = this.#pass(key).finally(() => {
        this.#queue.done(key);
        passes.delete(pass);
      });
      passes.add(pass);
    }
    await Promise.all(passes);
  }

  async #pass(uid: string): Promise<void> {
    const worker = this.#workers.get(uid);
    if (worker === undefined) return;
    try {
      const result = await worker.pass();
      this.#queue.forget(uid);
      if (result.done) {
        worker.stop();
        this.#workers.delete(uid);
      } else if (result.againAfterMs !== undefined) this.#queue.addAfter(uid, result.againAfterMs);
    } catch (error) {
      if (this.#parts.signal.aborted) return;
      this.#parts.log.warn("a pass over a pod failed", { pod: worker.pod.metadata.name, error });
      this.#queue.addRateLimited(uid);
    }
  }

  async #relistForEver(): Promise<void> {
    const { clock, signal, log } = this.#parts;
    for (;;) {
      try {
        await this.#relist();
        await this.#setClassCgroups();
      } catch (error) {
        log.warn("the runtime could not be listed", { error });
      }
      await clock.sleep(relistMs, signal);
    }
  }

  async #followRuntime(): Promise<void> {
    const { runtime, clock, signal, log } = this.#parts;
    for (;;) {
      try {
        for await (const _ of runtime.changes(signal)) await this.#relist();
      } catch (error) {
        signal.throwIfAborted();
        log.warn("the runtime's changes could not be followed", { error });
      }
      await clock.sleep(1000, signal);
    }
  }

  /** Wakes the workers of pods of which something changed, and finds what belongs to no pod. */
  async #relist(): Promise<void> {
    const list = await this.#parts.runtimeState.fresh();
    const now = fingerprints(list);
    for (const [uid, fingerprint] of now) if (this.#seen.get(uid) !== fingerprint) this.#queue.add(uid);
    for (const uid of this.#seen.keys()) if (!now.has(uid)) this.#queue.add(uid);
    this.#seen = now;
    for (const sandbox of list.sandboxes) this.#endOrphan(sandbox);
  }

  /** What a pod left in folders and cgroups when the agent died while it was taking the pod down. */
  async #endRemnantsForEver(): Promise<void> {
    const { clock, signal, log } = this.#parts;
    for (;;) {
      try {
        const remnants = await findRemnants(this.#parts);
        for (const remnant of remnants) this.#endOrphan(remnant);
      } catch (error) {
        log.warn("what pods left behind could not be looked for", { error });
      }
      await clock.sleep(remnantsEveryMs, signal);
    }
  }

  #endOrphan(remains: Remains): void {
    if (this.#workers.has(remains.podUid)) return;
    const { podNamespace, podName, podUid } = remains;
    this.#parts.log.info("ending what is left without a pod", { pod: `${podNamespace}/${podName}`, uid: podUid });
    this.#add(podOf(remains)).orphan();
    this.#queue.add(podUid);
  }

  async #setClassCgroups(): Promise<void> {
    const { cgroups, cgroupRoot } = this.#parts;
    await cgroups.ensure(classCgroup(cgroupRoot, "Guaranteed"), {});
    const burstable = this.pods.filter(({ status }) => status?.qosClass === "Burstable");
    await cgroups.ensure(classCgroup(cgroupRoot, "Burstable"), classResources(burstable));
    await cgroups.ensure(classCgroup(cgroupRoot, "BestEffort"), { cpuShares: 2 });
  }
}

/** As much of a pod as what is left of it tells. */
function podOf({ podUid, podNamespace, podName }: Remains): StoredPod {
  const metadata = { namespace: podNamespace, name: podName, uid: podUid, resourceVersion: "", creationTimestamp: "" };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [] } };
}

import type { AgentParts } from "../agent-parts.ts";
import { isFinished } from "../pod-spec.ts";
import { chooseVictim, type PodUse } from "./choose-victim.ts";
import { type EvictablePods, measure } from "./local-storage-watch.ts";
import { nextPressure, type Pressure } from "./pressure.ts";
import { metThresholds, type MetThreshold, type PressureType, type Signal } from "./thresholds.ts";

/** Upstream's monitoring interval of the eviction manager. */
const everyMs = 10_000;

/** What the node is short of; pods go, one a look, while it is. */
export class NodePressure {
  readonly #parts: AgentParts;
  #pressure: Pressure = new Map();

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  has(type: PressureType): boolean {
    return this.#pressure.has(type);
  }

  /** Looks at the machine. @returns what there is too little of */
  async look(): Promise<readonly MetThreshold[]> {
    const { observeMachine, evictionThresholds, clock } = this.#parts;
    const met = metThresholds(await observeMachine(), evictionThresholds);
    this.#pressure = nextPressure(this.#pressure, met, clock.monotonic());
    return met;
  }

  /** Resolves when the signal aborts. */
  async run(evictable: EvictablePods): Promise<void> {
    const { clock, signal, log } = this.#parts;
    const asleep = () =>
      clock.sleep(everyMs, signal).then(
        () => true,
        () => false,
      );
    while (await asleep()) {
      try {
        const [first] = (await this.look()).filter(({ signal: short }) => short !== "pid.available");
        if (first !== undefined) await this.#evictOne(first, evictable);
      } catch (error) {
        log.warn("the node's pressure could not be measured", { error });
      }
    }
  }

  async #evictOne(met: MetThreshold, evictable: EvictablePods): Promise<void> {
    const { nodeName, record, log } = this.#parts;
    const about = { apiVersion: "v1", kind: "Node", metadata: { name: nodeName, uid: nodeName } };
    record(about, "Warning", "EvictionThresholdMet", `Attempting to reclaim ${reclaimed(met.signal)}`);
    log.warn("the node is short of a resource", { ...met });
    const uses = met.signal === "memory.available" ? await this.#memory(evictable) : await this.#storage(evictable);
    const victim = chooseVictim(met, uses);
    if (victim === undefined) return;
    record(victim.pod, "Warning", "Evicted", victim.message);
    evictable.evict(victim.pod.metadata.uid, { reason: "Evicted", message: victim.message, disrupts: true });
  }

  async #memory(evictable: EvictablePods): Promise<readonly PodUse[]> {
    const { runtime, runtimeState } = this.#parts;
    const [stats, { containers }] = await Promise.all([runtime.stats(), runtimeState.fresh()]);
    const used = new Map(stats.map(({ id, workingSetBytes }) => [id, workingSetBytes]));
    return evictable.pods().map((pod) => {
      const own = containers.filter(({ podUid }) => podUid === pod.metadata.uid);
      return { pod, shared: 0, containers: new Map(own.map(({ id, name }) => [name, used.get(id) ?? 0])) };
    });
  }

  async #storage(evictable: EvictablePods): Promise<readonly PodUse[]> {
    const { containers } = await this.#parts.runtimeState.fresh();
    const uses: PodUse[] = [];
    // One after the other: the disk has trouble enough.
    for (const pod of evictable.pods().filter((one) => !isFinished(one))) {
      const own = containers.filter(({ podUid, state }) => podUid === pod.metadata.uid && state === "running");
      const use = await measure(this.#parts, pod, own);
      uses.push({ pod, containers: use.containers, shared: [...use.emptyDirs.values()].reduce((sum, one) => sum + one, 0) });
    }
    return uses;
  }
}

function reclaimed(signal: Signal): string {
  if (signal === "memory.available") return "memory";
  return signal === "nodefs.inodesFree" ? "inodes" : "ephemeral-storage";
}

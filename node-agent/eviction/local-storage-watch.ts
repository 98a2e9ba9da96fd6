import { join } from "node:path";
import type { AgentParts } from "../agent-parts.ts";
import { containerLogFile } from "../pod-environment.ts";
import { isFinished, type StoredPod, specOf } from "../pod-spec.ts";
import type { Verdict } from "../pod-plan.ts";
import type { Container } from "../runtime/runtime.ts";
import { bytesBelow } from "./disk-use.ts";
import { exceededLocalStorage, limitsLocalStorage, type LocalStorageUse } from "./local-storage.ts";

export interface EvictablePods {
  pods(): readonly StoredPod[];
  /** Ends the pod for good; what it is told stands in its status. */
  evict(podUid: string, verdict: Verdict): void;
}

/** Upstream's monitoring interval of the eviction manager. */
const everyMs = 10_000;

/** Evicts pods that put more on the node's disk than they said they would, until the signal aborts. */
export async function watchLocalStorage(parts: AgentParts, evictable: EvictablePods): Promise<void> {
  const { clock, signal, log } = parts;
  const asleep = () =>
    clock.sleep(everyMs, signal).then(
      () => true,
      () => false,
    );
  while (await asleep()) {
    try {
      await evictThoseOverTheirLimits(parts, evictable);
    } catch (error) {
      log.warn("the local storage of pods could not be measured", { error });
    }
  }
}

async function evictThoseOverTheirLimits(parts: AgentParts, evictable: EvictablePods): Promise<void> {
  const limited = evictable.pods().filter((pod) => !isFinished(pod) && limitsLocalStorage(pod));
  if (limited.length === 0) return;
  const { containers } = await parts.runtimeState.fresh();
  for (const pod of limited) {
    const own = containers.filter(({ podUid, state }) => podUid === pod.metadata.uid && state === "running");
    const message = exceededLocalStorage(pod, await measure(parts, pod, own));
    if (message === undefined) continue;
    parts.record(pod, "Warning", "Evicted", message);
    evictable.evict(pod.metadata.uid, { reason: "Evicted", message });
  }
}

/** Of a pod as it is now. */
export async function measure(parts: AgentParts, pod: StoredPod, running: readonly Container[]): Promise<LocalStorageUse> {
  const { directories, runtime } = parts;
  const emptyDirs = (specOf(pod).volumes ?? []).filter(({ emptyDir }) => emptyDir !== undefined);
  const volumes = emptyDirs.map(async ({ name }) => {
    return [name, await bytesBelow(join(directories.pods, pod.metadata.uid, "volumes", name))] as const;
  });
  const written = running.map(async ({ id, name }) => {
    const logs = join(containerLogFile(directories, pod, name, 0), "..");
    return [name, (await runtime.writtenBytes(id)) + (await bytesBelow(logs))] as const;
  });
  return { emptyDirs: new Map(await Promise.all(volumes)), containers: new Map(await Promise.all(written)) };
}

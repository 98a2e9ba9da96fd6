import type { AgentParts } from "./agent-parts.ts";
import { containerOf, type PodActions } from "./pod-actions.ts";
import { initContainersOf, isSidecar, specOf, type StoredPod } from "./pod-spec.ts";
import { awaitsPostStart, isAlive, type PodView } from "./pod-view.ts";
import { ContainerProbes, type ProbeKind } from "./probes/container-probes.ts";
import type { ProbeState } from "./probes/probe-state.ts";
import type { ProbeResult } from "./probes/run-probe.ts";
import type { Container } from "./runtime/runtime.ts";

const titles: Record<ProbeKind, string> = { startup: "Startup", readiness: "Readiness", liveness: "Liveness" };

/** The probes of a pod's running containers: begun when a container is first seen running, ended with it. */
export class PodProbes {
  readonly #parts: AgentParts;
  readonly #actions: PodActions;
  readonly #changed: () => void;
  readonly #running = new Map<string, ContainerProbes>();

  constructor({ parts, actions, changed }: { parts: AgentParts; actions: PodActions; changed: () => void }) {
    this.#parts = parts;
    this.#actions = actions;
    this.#changed = changed;
  }

  /** @param isEnding the pod was deleted: liveness and startup mean nothing any more */
  follow(
    pod: StoredPod,
    { containers, postStarts }: Pick<PodView, "containers" | "postStarts">,
    { podIP, isEnding }: { podIP: string; isEnding: boolean },
  ): ReadonlyMap<string, ProbeState> {
    const probed = [...specOf(pod).containers, ...initContainersOf(pod).filter(isSidecar)];
    const alive = containers.filter((container) => {
      const spec = probed.find(({ name }) => name === container.name);
      return spec !== undefined && isAlive(container) && !awaitsPostStart(container, spec, postStarts);
    });
    for (const container of alive) {
      if (!this.#running.has(container.id)) this.#running.set(container.id, this.#begin(pod, container, podIP));
    }
    for (const [id, probes] of this.#running) {
      if (alive.some((container) => container.id === id)) continue;
      probes.stop();
      this.#running.delete(id);
    }
    if (isEnding) for (const probes of this.#running.values()) probes.retire();
    return new Map([...this.#running].map(([id, { state }]) => [id, state]));
  }

  stop(): void {
    for (const probes of this.#running.values()) probes.stop();
  }

  #begin(pod: StoredPod, container: Container, podIP: string): ContainerProbes {
    const { prober, clock, random, runtimeName } = this.#parts;
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    const told = statuses.find(({ containerID }) => containerID === `${runtimeName}://${container.id}`);
    return new ContainerProbes({
      container: containerOf(pod, container.name),
      containerId: container.id,
      podIP,
      startedAt: container.startedAt ?? container.createdAt,
      ...(told?.started === true && { known: { started: true, ready: told.ready } }),
      prober,
      clock,
      random,
      changed: this.#changed,
      tell: (kind, result) => {
        const reason = result.remark === "warning" ? "ProbeWarning" : "Unhealthy";
        this.#actions.record(pod, container.name, "Warning", reason, `${titles[kind]} probe ${wording(result)}`);
      },
    });
  }
}

function wording({ message, remark }: ProbeResult): string {
  if (remark === "warning") return `warning: ${message}`;
  return remark === "unknown" ? `errored and resulted in unknown state: ${message}` : `failed: ${message}`;
}

import type { AgentParts } from "./agent-parts.ts";
import { containerOf, type PodActions } from "./pod-actions.ts";
import { initContainersOf, isSidecar, specOf, type StoredPod } from "./pod-spec.ts";
import { isAlive } from "./pod-view.ts";
import { ContainerProbes, type ProbeKind } from "./probes/container-probes.ts";
import type { ProbeState } from "./probes/probe-state.ts";
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

  follow(pod: StoredPod, containers: readonly Container[], podIP: string): ReadonlyMap<string, ProbeState> {
    const probed = [...specOf(pod).containers, ...initContainersOf(pod).filter(isSidecar)].map(({ name }) => name);
    const alive = containers.filter((container) => isAlive(container) && probed.includes(container.name));
    for (const container of alive) {
      if (!this.#running.has(container.id)) this.#running.set(container.id, this.#begin(pod, container, podIP));
    }
    for (const [id, probes] of this.#running) {
      if (alive.some((container) => container.id === id)) continue;
      probes.stop();
      this.#running.delete(id);
    }
    return new Map([...this.#running].map(([id, { state }]) => [id, state]));
  }

  stop(): void {
    for (const probes of this.#running.values()) probes.stop();
  }

  #begin(pod: StoredPod, container: Container, podIP: string): ContainerProbes {
    const { prober, clock, runtimeName } = this.#parts;
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
      changed: this.#changed,
      unhealthy: (kind, message) =>
        this.#actions.record(pod, container.name, "Warning", "Unhealthy", `${titles[kind]} probe failed: ${message}`),
    });
  }
}

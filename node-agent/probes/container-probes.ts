import type { Clock } from "#base/clock";
import type { Probe } from "#api/generated/types";
import type { ContainerSpec } from "../pod-spec.ts";
import type { Prober, ProbeResult } from "./run-probe.ts";
import type { ProbeState } from "./probe-state.ts";

export type ProbeKind = "startup" | "readiness" | "liveness";

export interface ContainerProbesOptions {
  readonly container: ContainerSpec;
  readonly containerId: string;
  readonly podIP: string;
  /** Wall milliseconds. */
  readonly startedAt: number;
  /** What was known of this very container before the agent was restarted. */
  readonly known?: { readonly started: boolean; readonly ready: boolean };
  readonly prober: Prober;
  readonly clock: Clock;
  readonly changed: () => void;
  /** Each failed attempt. */
  readonly unhealthy: (kind: ProbeKind, message: string) => void;
}

/** Runs the probes of one container for as long as it runs. Until the startup probe has succeeded the others wait. */
export class ContainerProbes {
  readonly #options: ContainerProbesOptions;
  readonly #stop = new AbortController();
  #state: ProbeState;

  constructor(options: ContainerProbesOptions) {
    this.#options = options;
    const { startupProbe, readinessProbe } = options.container;
    const started = options.known?.started ?? startupProbe === undefined;
    this.#state = { started, ready: started && (readinessProbe === undefined || options.known?.ready === true) };
    void this.#run().catch(() => undefined);
  }

  get state(): ProbeState {
    return this.#state;
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { startupProbe, readinessProbe, livenessProbe } = this.#options.container;
    if (!this.#state.started && startupProbe !== undefined) await this.#repeat("startup", startupProbe);
    if (!this.#state.started) return;
    await Promise.all([
      readinessProbe === undefined ? undefined : this.#repeat("readiness", readinessProbe),
      livenessProbe === undefined ? undefined : this.#repeat("liveness", livenessProbe),
    ]);
  }

  async #repeat(kind: ProbeKind, probe: Probe): Promise<void> {
    const { clock, startedAt } = this.#options;
    const { signal } = this.#stop;
    await clock.sleep(startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - clock.now(), signal);
    let last: boolean | undefined;
    let run = 0;
    while (!signal.aborted) {
      const result = await this.#once(probe);
      if (isAborted(signal)) return;
      run = result.ok === last ? run + 1 : 1;
      last = result.ok;
      if (!result.ok) this.#options.unhealthy(kind, result.message);
      const threshold = result.ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
      if (run >= threshold && this.#conclude(kind, result.ok)) return;
      await clock.sleep((probe.periodSeconds ?? 10) * 1000, signal);
    }
  }

  async #once(probe: Probe): Promise<ProbeResult> {
    const { clock, prober, container, containerId, podIP } = this.#options;
    const timeUp = new AbortController();
    const done = new AbortController();
    void clock.sleep((probe.timeoutSeconds ?? 1) * 1000, done.signal).then(
      () => timeUp.abort(),
      () => undefined,
    );
    try {
      const signal = AbortSignal.any([timeUp.signal, this.#stop.signal]);
      return await prober(probe, { container, containerId, podIP }, signal);
    } finally {
      done.abort();
    }
  }

  /** @returns whether the probe has nothing more to find out. */
  #conclude(kind: ProbeKind, ok: boolean): boolean {
    const before = this.#state;
    switch (kind) {
      case "startup":
        this.#state = ok
          ? { started: true, ready: this.#options.container.readinessProbe === undefined }
          : { ...before, failure: kind };
        break;
      case "readiness":
        if (before.ready === ok) return false;
        this.#state = { ...before, ready: ok };
        break;
      case "liveness":
        if (ok) return false;
        this.#state = { ...before, failure: kind };
    }
    this.#options.changed();
    return kind !== "readiness";
  }
}

/** Asked anew after a wait: the compiler would remember the answer from before it. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

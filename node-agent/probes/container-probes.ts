import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import type { Probe } from "#api/generated/types";
import type { ContainerSpec } from "../pod-spec.ts";
import type { Prober, ProbeResult } from "./run-probe.ts";
import type { ProbeState } from "./probe-state.ts";

export type ProbeKind = "startup" | "readiness" | "liveness";

export interface ContainerProbesOptions {
  readonly container: ContainerSpec;
  readonly containerId: string;
  readonly podIP: string;
  /** Wall milliseconds, as the runtime tells it. */
  readonly startedAt: number;
  /** What was known of this very container before the agent was restarted. */
  readonly known?: { readonly started: boolean; readonly ready: boolean };
  readonly prober: Prober;
  readonly clock: Clock;
  readonly random: Random;
  readonly changed: () => void;
  /** Each answer that people should see. */
  readonly tell: (kind: ProbeKind, result: ProbeResult) => void;
}

/**
 * Runs the probes of one container for as long as it runs. Until the startup probe has succeeded the others wait. A probe begins
 * `initialDelaySeconds` after the container's start and is repeated each period, counted from beginning to beginning.
 *
 * After a restart of the agent the probes of what it found running begin within their first period at a random moment, so that
 * not all are asked at once (upstream does so with every probe that begins then).
 */
export class ContainerProbes {
  readonly #options: ContainerProbesOptions;
  readonly #stop = new AbortController();
  readonly #retired = new AbortController();
  /** When the container started, monotonic: a wall clock that is set afterwards neither cuts nor stretches a delay. */
  readonly #startedAt: number;
  #state: ProbeState;

  constructor(options: ContainerProbesOptions) {
    this.#options = options;
    const { startupProbe, readinessProbe } = options.container;
    const { clock, startedAt } = options;
    this.#startedAt = clock.monotonic() - Math.max(clock.now() - startedAt, 0);
    const started = options.known?.started ?? startupProbe === undefined;
    this.#state = { started, ready: started && (readinessProbe === undefined || options.known?.ready === true) };
    void this.#run().catch(() => undefined);
  }

  get state(): ProbeState {
    return this.#state;
  }

  /** The pod is on its way out: only whether it is ready still matters to anybody. */
  retire(): void {
    this.#retired.abort();
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
    const { clock, known, random } = this.#options;
    const signal = kind === "readiness" ? this.#stop.signal : AbortSignal.any([this.#stop.signal, this.#retired.signal]);
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    await clock.sleep(this.#startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - clock.monotonic(), signal);
    if (known !== undefined) await clock.sleep(random.float() * periodMs, signal);
    let last: boolean | undefined;
    let run = 0;
    while (!signal.aborted) {
      const began = clock.monotonic();
      const result = await this.#once(probe, signal);
      if (isAborted(signal)) return;
      if (!result.ok || result.remark !== undefined) this.#options.tell(kind, result);
      if (result.remark !== "unknown") {
        run = result.ok === last ? run + 1 : 1;
        last = result.ok;
        const threshold = result.ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
        if (run >= threshold && this.#conclude(kind, result.ok)) return;
      }
      await clock.sleep(began + periodMs - clock.monotonic(), signal);
    }
  }

  async #once(probe: Probe, signal: AbortSignal): Promise<ProbeResult> {
    const { clock, prober, container, containerId, podIP } = this.#options;
    const timeUp = new AbortController();
    const done = new AbortController();
    void clock.sleep((probe.timeoutSeconds ?? 1) * 1000, done.signal).then(
      () => timeUp.abort(),
      () => undefined,
    );
    try {
      return await prober(probe, { container, containerId, podIP }, AbortSignal.any([timeUp.signal, signal]));
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

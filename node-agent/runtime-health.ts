import type { Clock } from "#base/clock";
import type { ContainerRuntime, RuntimeInfo } from "./runtime/runtime.ts";
import type { RuntimeState } from "./runtime-state.ts";

export interface RuntimeHealthOptions {
  readonly runtime: Pick<ContainerRuntime, "info">;
  readonly runtimeState: Pick<RuntimeState, "listedAt">;
  readonly clock: Clock;
}

/** Upstream asks that often, and forgives a runtime that long (pkg/kubelet: updateRuntimeUp, baseRuntimeSyncThreshold). */
const askEveryMs = 5000;
const answerThresholdMs = 30_000;
/** Without a list of what runs nothing that the agent says of its pods is true any more (upstream: relistThreshold). */
const listThresholdMs = 180_000;

/** Whether the runtime as a whole answers. Times are monotonic: a wall clock that is set says nothing about a runtime. */
export class RuntimeHealth {
  readonly #options: RuntimeHealthOptions;
  readonly #since: number;
  #answeredAt: number | undefined;
  #error: string | undefined;
  #info: RuntimeInfo | undefined;

  constructor(options: RuntimeHealthOptions) {
    this.#options = options;
    this.#since = options.clock.monotonic();
  }

  /** What it last said of itself. */
  get info(): RuntimeInfo | undefined {
    return this.#info;
  }

  /** Why the node is not ready, in upstream's words; undefined when it is. */
  failure(): string | undefined {
    const now = this.#options.clock.monotonic();
    const silentMs = now - (this.#answeredAt ?? this.#since);
    const down =
      this.#error !== undefined || silentMs >= answerThresholdMs
        ? `container runtime is down${this.#error === undefined ? "" : `: ${this.#error}`}`
        : undefined;
    const unlistedMs = now - (this.#options.runtimeState.listedAt ?? this.#since);
    const stale =
      unlistedMs >= listThresholdMs
        ? `PLEG is not healthy: pleg was last seen active ${text(unlistedMs)} ago; threshold is ${text(listThresholdMs)}`
        : undefined;
    const reasons = [down, stale].filter((reason) => reason !== undefined);
    return reasons.length === 0 ? undefined : reasons.join(", ");
  }

  async ask(): Promise<void> {
    const { runtime, clock } = this.#options;
    try {
      this.#info = await runtime.info();
      this.#answeredAt = clock.monotonic();
      this.#error = undefined;
    } catch (error) {
      this.#error = (error as Error).message;
    }
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const asleep = () =>
      this.#options.clock.sleep(askEveryMs, signal).then(
        () => true,
        () => false,
      );
    while (await asleep()) await this.ask();
  }
}

/** As Go prints a duration of whole seconds. */
function text(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

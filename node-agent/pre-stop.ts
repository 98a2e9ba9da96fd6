import type { LifecycleHandler } from "#api/generated/types";
import type { Clock } from "#base/clock";
import type { ContainerSpec } from "./pod-spec.ts";
import { networkProber } from "./probes/run-probe.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";

export interface PreStopOptions {
  readonly handler: LifecycleHandler;
  readonly container: ContainerSpec;
  readonly containerId: string;
  readonly podIP: string;
  /** The hook has the container's whole grace, and what it takes is taken from what comes after it. */
  readonly graceMs: number;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
}

/** Runs the hook to its end or to the end of the grace. @returns why it failed, if it did. */
export async function runPreStop(options: PreStopOptions): Promise<string | undefined> {
  const { handler, container, containerId, podIP, graceMs, runtime, clock } = options;
  if (handler.sleep !== undefined) {
    await clock.sleep(Math.min(handler.sleep.seconds * 1000, graceMs));
    return undefined;
  }
  const timeUp = new AbortController();
  const done = new AbortController();
  void clock.sleep(graceMs, done.signal).then(
    () => timeUp.abort(),
    () => undefined,
  );
  const { exec, httpGet } = handler;
  const probe = { ...(exec && { exec }), ...(httpGet && { httpGet }), timeoutSeconds: Math.ceil(graceMs / 1000) };
  try {
    const { ok, message } = await networkProber(runtime)(probe, { container, containerId, podIP }, timeUp.signal);
    return ok ? undefined : message;
  } finally {
    done.abort();
  }
}

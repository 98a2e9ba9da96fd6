import type { Clock } from "#base/clock";
import { type ContainerRuntime, RuntimeError } from "./runtime.ts";

export interface DeadlineOptions {
  readonly clock: Clock;
  /** The agent's end: what is under way then gets `lastWordsMs` and no more. */
  readonly signal: AbortSignal;
  readonly limitMs?: number;
}

/** Upstream's --runtime-request-timeout. */
const usualLimitMs = 120_000;
const lastWordsMs = 2000;

/**
 * Bounds every call: one that hangs is given up with a RuntimeError `RuntimeUnavailable`, so that nobody waits for it for ever, and
 * the agent can end. What the call was doing may still be done behind the caller's back, as with the CRI: `list` tells. A stop has its
 * grace on top, a command the time that it was given.
 */
export function runtimeWithDeadlines(runtime: ContainerRuntime, options: DeadlineOptions): ContainerRuntime {
  const within = <T>(call: string, work: Promise<T>, extraMs = 0) =>
    withDeadline(work, { ...options, limitMs: (options.limitMs ?? usualLimitMs) + extraMs, call });
  return {
    info: () => within("info", runtime.info()),
    runPodSandbox: (config) => within("runPodSandbox", runtime.runPodSandbox(config)),
    stopPodSandbox: (id) => within("stopPodSandbox", runtime.stopPodSandbox(id)),
    removePodSandbox: (id) => within("removePodSandbox", runtime.removePodSandbox(id)),
    createContainer: (sandboxId, config) => within("createContainer", runtime.createContainer(sandboxId, config)),
    startContainer: (id) => within("startContainer", runtime.startContainer(id)),
    stopContainer: (id, graceMs) => within("stopContainer", runtime.stopContainer(id, graceMs), graceMs),
    removeContainer: (id) => within("removeContainer", runtime.removeContainer(id)),
    updateContainer: (id, resources) => within("updateContainer", runtime.updateContainer(id, resources)),
    reopenLog: (id) => within("reopenLog", runtime.reopenLog(id)),
    list: () => within("list", runtime.list()),
    writtenBytes: (id) => within("writtenBytes", runtime.writtenBytes(id)),
    stats: () => within("stats", runtime.stats()),
    exec: (id, command, wanted) => within("exec", runtime.exec(id, command, wanted), wanted.timeoutMs),
    openExec: (id, wanted) => within("openExec", runtime.openExec(id, wanted)),
    attach: (id) => within("attach", runtime.attach(id)),
    changes: (signal) => runtime.changes(signal),
  };
}

/** @throws RuntimeError RuntimeUnavailable when the time is up */
export async function withDeadline<T>(
  work: Promise<T>,
  { clock, signal, limitMs, call }: Required<DeadlineOptions> & { readonly call: string },
): Promise<T> {
  const done = new AbortController();
  const timeUp = async (): Promise<never> => {
    await clock.sleep(limitMs, AbortSignal.any([done.signal, signal])).catch(() => undefined);
    if (signal.aborted) await clock.sleep(lastWordsMs, done.signal);
    throw new RuntimeError("RuntimeUnavailable", `the runtime's ${call} did not answer within ${limitMs / 1000}s`);
  };
  try {
    return await Promise.race([work, timeUp()]);
  } finally {
    done.abort();
  }
}

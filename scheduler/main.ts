import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { runAsLeader } from "#client/leader-election";
import { sharedSignal } from "#client/shared-signal";
import { defaultPlugins } from "./plugins/default-plugins.ts";
import { Scheduler } from "./scheduler.ts";

export interface RunSchedulerOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Absent: there is no other scheduler. */
  readonly leaderElect?: { readonly identity: string };
}

/** Resolves when the signal has aborted. Rejects when leadership is lost. */
export async function runScheduler(options: RunSchedulerOptions): Promise<void> {
  const { signal, leaderElect } = options;
  const run = (running: AbortSignal) =>
    new Scheduler({ ...options, plugins: defaultPlugins, schedulerName: "default-scheduler" }).run(sharedSignal(running));
  if (leaderElect === undefined) {
    await run(signal);
    return;
  }
  const lease = { namespace: "kube-system", name: "kube-scheduler" };
  try {
    await runAsLeader({ ...options, lease, ...leaderElect }, run, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

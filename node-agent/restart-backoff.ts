/** How long a container that ended waits before it is started again. */
export interface RestartBackoff {
  readonly delayMs: number;
  /** When the delay was last lengthened, in the time of whoever plans, milliseconds. */
  readonly since: number;
}

const initialMs = 10_000;
const longestMs = 300_000;
/** Who ran that long begins with the shortest delay again (upstream: twice the longest). */
const forgivenAfterMs = 600_000;

/** When a container that ended at `finishedAt` may start. The first restart is immediate. */
export function mayRestartAt(backoff: RestartBackoff | undefined, finishedAt: number): number {
  if (backoff === undefined || finishedAt - backoff.since > forgivenAfterMs) return finishedAt;
  return finishedAt + backoff.delayMs;
}

/** The backoff that holds from this restart on. */
export function afterRestart(backoff: RestartBackoff | undefined, finishedAt: number, now: number): RestartBackoff {
  const forgiven = backoff === undefined || finishedAt - backoff.since > forgivenAfterMs;
  return { delayMs: forgiven ? initialMs : Math.min(backoff.delayMs * 2, longestMs), since: now };
}

/** As Go prints a duration of whole seconds: `10s`, `2m40s`, `5m0s`. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

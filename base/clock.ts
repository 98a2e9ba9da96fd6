import { performance } from "node:perf_hooks";

/**
 * The only way this code base learns the time or waits, so that a test can own both.
 *
 * `now` is wall time in milliseconds since the epoch and may jump. `monotonic` is in milliseconds from an arbitrary origin
 * and never goes back: durations and deadlines are measured with it.
 */
export interface Clock {
  now(): number;
  monotonic(): number;
  /**
   * Resolves after `ms`; of 0 as soon as what has come in meanwhile has had its turn. Rejects with the signal's reason as soon as it
   * aborts. A timer alone never keeps the process alive.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** setTimeout fires at once for longer delays than this. */
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const over = () => {
        signal?.removeEventListener("abort", aborted);
        resolve();
      };
      // The shortest timer takes a millisecond.
      const cancel = ms <= 0 ? immediate(over) : timer(Math.min(ms, longestTimer), over);
      const aborted = () => {
        cancel();
        reject(signal?.reason as Error);
      };
      signal?.addEventListener("abort", aborted, { once: true });
    }),
};

function timer(ms: number, over: () => void): () => void {
  const made = setTimeout(over, ms);
  return () => clearTimeout(made);
}

function immediate(over: () => void): () => void {
  const made = setImmediate(over);
  return () => clearImmediate(made);
}

/** The wall time as Kubernetes writes a `Time`: RFC 3339 in UTC with whole seconds. */
export function timestamp(now: number): string {
  const second = Math.floor(now / 1000);
  // Much is written within one second.
  if (second !== last.second) last = { second, text: `${new Date(second * 1000).toISOString().slice(0, -".000Z".length)}Z` };
  return last.text;
}

let last = { second: Number.NaN, text: "" };

/** The wall time as Kubernetes writes a `MicroTime`: RFC 3339 in UTC with six decimals. */
export function microTimestamp(now: number): string {
  return new Date(now).toISOString().replace("Z", "000Z");
}

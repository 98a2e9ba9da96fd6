import { StatusError } from "#api/status";
import type { Cancellation } from "#base/cancellation";
import type { Deadlines } from "./deadlines.ts";
import type { ResourcePath } from "./request-path.ts";
import type { Verb } from "#api/request";

/** Upstream's --request-timeout: for whatever is not long-running, and the most a client can ask for. */
export const requestTimeoutMs = 60_000;

const connectParts = new Set(["attach", "exec", "proxy", "portforward"]);

/** What lasts as long as the client likes: no deadline, and no place among the requests in flight. */
export function isLongRunning(verb: Verb, { subresource }: ResourcePath): boolean {
  return verb === "watch" || subresource === "log" || isConnect(subresource);
}

/** What joins a client with something behind the API, however it is asked for. */
export function isConnect(subresource: string | undefined): boolean {
  return connectParts.has(subresource?.split("/")[0] ?? "");
}

/** How long a request may take, by its `timeout` in Go's notation, e.g. `1m30s`. @throws StatusError BadRequest */
export function timeoutOf(query: URLSearchParams, longestMs: number): number {
  const text = query.get("timeout");
  if (text === null || text === "") return longestMs;
  const ms = parseDuration(text);
  if (ms === undefined) {
    throw new StatusError(
      "BadRequest",
      `invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`,
    );
  }
  return ms === 0 ? longestMs : Math.min(ms, longestMs);
}

const units: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A positive time.Duration in milliseconds. */
function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^\+?((\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, number, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g))
    ms += Number(number) * (units[unit ?? ""] ?? 0);
  return ms;
}

/** What `work` resolves to; once its time is up `ended` aborts and the answer is a Timeout, whatever `work` does then. */
export function within<T>(work: Promise<T>, ms: number, deadlines: Deadlines, ended: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = deadlines.set(ms, () => {
      const error = new StatusError(
        "Timeout",
        "Timeout: request did not complete within requested timeout - context deadline exceeded",
      );
      ended.abort(error);
      reject(error);
    });
    work.finally(leave).then(resolve, reject);
  });
}

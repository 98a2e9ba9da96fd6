import type { Attempt, Seen } from "./load.ts";

/**
 * What contradicts itself between what writers were told and what watchers saw, one line each. Each value is written at most once;
 * whatever an attempt with an unknown outcome did is right.
 */
export function contradictions(attempts: readonly Attempt[], watchers: readonly (readonly Seen[])[]): string[] {
  const complaints: string[] = [];
  const outcomes = new Map(attempts.map((attempt) => [attempt.value, attempt]));
  const acknowledged = attempts.filter(({ outcome }) => outcome === "acknowledged");
  const log = new Map<number, string>();
  for (const [index, seen] of watchers.entries()) {
    const complain = (text: string): number => complaints.push(`watcher ${index}: ${text}`);
    const shown = new Set<number>();
    /** Up to where nothing can be missing, and what is there now. */
    let position = 0;
    let values = new Map<string, string>();
    let since = 0;
    const checkSegment = (until: number): void => {
      for (const { name, value, resourceVersion: at = 0 } of acknowledged)
        if (at > since && at <= until && !shown.has(at)) complain(`${name} = ${value} at ${at} was not shown`);
    };
    for (const event of seen) {
      if (event.type === "LISTED") {
        checkSegment(position);
        if (event.resourceVersion < position) complain(`listed ${event.resourceVersion} after ${position}`);
        for (const { name, value, resourceVersion: at = 0 } of acknowledged) {
          const listed = event.values.get(name);
          if (at <= event.resourceVersion && turnOf(listed) < turnOf(value))
            complain(`${name} is ${String(listed)} in a list behind ${value}`);
        }
        for (const value of event.values.values())
          if (outcomes.get(value)?.outcome === "refused") complain(`${value} was refused and is listed`);
        since = position = event.resourceVersion;
        values = new Map(event.values);
        continue;
      }
      const { name, value, resourceVersion: at, type } = event;
      const what = `${type} ${name} ${value}`;
      if (at <= position) complain(`${what} at ${at} came after ${position}`);
      if ((log.get(at) ?? what) !== what) complain(`${what} at ${at}, and another watcher saw ${String(log.get(at))}`);
      log.set(at, what);
      const { outcome, resourceVersion } = outcomes.get(value) ?? {};
      if (outcome === "refused") complain(`${what} was refused`);
      if (outcome === "acknowledged" && resourceVersion !== at)
        complain(`${what} at ${at} was acknowledged at ${String(resourceVersion)}`);
      if ((type === "ADDED") === values.has(name))
        complain(`${what} at ${at}, and ${name} was ${values.has(name) ? "" : "not "}there`);
      shown.add(at);
      values.set(name, value);
      position = at;
    }
    checkSegment(position);
    const last = Math.max(0, ...acknowledged.map(({ resourceVersion = 0 }) => resourceVersion));
    if (position < last) complain(`saw nothing behind ${position}, and ${last} was acknowledged`);
  }
  return complaints;
}

function turnOf(value: string | undefined): number {
  return value === undefined ? -1 : Number(value.split(".")[1]);
}

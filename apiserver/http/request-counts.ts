import type { Metric } from "prom-client";
import type { RequestLabels } from "./metrics.ts";

/** Upper bounds of upstream's buckets, in seconds. */
const bounds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

/**
 * What is counted of all requests with the same labels. Who has it at hand counts by adding: to find a series by its labels again for
 * each request, and each event of each watcher, cost more than answering some of them.
 */
export class RequestCounts {
  readonly labels: RequestLabels;
  /** Answers since they were last taken, by their code. */
  readonly #answers = new Map<number, number>();
  /** Of those that took as long as a bucket says and no shorter one; the last is for all that took longer. */
  readonly #durations = new Array<number>(bounds.length + 1).fill(0);
  #seconds = 0;
  #events = 0;

  constructor(labels: RequestLabels) {
    this.labels = labels;
  }

  /** Without `tookMs` how long it took says nothing. */
  answered(code: number, tookMs: number | undefined): void {
    this.#answers.set(code, (this.#answers.get(code) ?? 0) + 1);
    if (tookMs === undefined) return;
    const took = tookMs / 1000;
    let bucket = 0;
    while (bucket < bounds.length && took > (bounds[bucket] ?? 0)) bucket++;
    this.#durations[bucket] = (this.#durations[bucket] ?? 0) + 1;
    this.#seconds += took;
  }

  sent(events: number): void {
    this.#events += events;
  }

  /** What has come since the last time. */
  take(): { readonly answers: ReadonlyMap<number, number>; readonly events: number } {
    const taken = { answers: new Map(this.#answers), events: this.#events };
    this.#answers.clear();
    this.#events = 0;
    return taken;
  }

  /** The lines of a Prometheus histogram, all since the beginning. None when nothing was timed. */
  durations(name: string, component: string): DurationLine[] {
    const labels = { ...this.labels, component };
    let count = 0;
    const buckets = this.#durations.map((own, index): DurationLine => {
      count += own;
      return { metricName: `${name}_bucket`, labels: { ...labels, le: bounds[index] ?? "+Inf" }, value: count };
    });
    if (count === 0) return [];
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#seconds },
      { metricName: `${name}_count`, labels, value: count },
    ];
  }
}

interface DurationLine {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A histogram in the form in which prom-client's registry asks its own for their values. */
export function histogramOf(name: string, help: string, lines: () => DurationLine[]): Metric {
  const metric = { name, help, type: "histogram", aggregator: "sum", get: () => Promise.resolve({ ...metric, values: lines() }) };
  return metric as unknown as Metric;
}

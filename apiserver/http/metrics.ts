import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { ApiRequest } from "#api/request";
import type { ResourceStore } from "../registry/resource-store.ts";
import type { InFlight } from "./in-flight.ts";
import { histogramOf, RequestCounts } from "./request-counts.ts";

export interface MetricsOptions {
  readonly version: { readonly major: string; readonly minor: string; readonly gitVersion: string; readonly platform: string };
  readonly inFlight: InFlight;
  readonly stores: () => readonly ResourceStore[];
}

/** Which request a number belongs to. Only what is served has labels of its own, so that nobody can make up new series. */
export type RequestLabels = Pick<ApiRequest, "group" | "version" | "resource"> & {
  readonly verb: string;
  readonly subresource: string;
  readonly scope: "cluster" | "namespace" | "resource" | "";
  readonly dry_run: string;
};

const request = ["verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component"] as const;
const component = "apiserver";

/** The API server's numbers under the names that upstream's dashboards ask for. */
export class ApiMetrics {
  readonly #registry = new Registry();
  readonly #counts = new Map<string, RequestCounts>();
  readonly #requests: Counter;
  readonly #longRunning: Gauge;
  readonly #terminations: Counter;
  readonly #watchEvents: Counter;
  readonly #slowWatchers: Counter;

  constructor({ version, inFlight, stores }: MetricsOptions) {
    const registers = [this.#registry];
    // The loop is looked at each second: at the usual ten milliseconds an idle server would be busy with nothing else.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 1_000 });
    new Gauge({
      name: "kubernetes_build_info",
      help: "Always 1, labelled with the version that this server reports.",
      labelNames: ["major", "minor", "git_version", "platform"],
      registers,
    }).set({ major: version.major, minor: version.minor, git_version: version.gitVersion, platform: version.platform }, 1);
    this.#requests = new Counter({
      name: "apiserver_request_total",
      help: "Requests answered, by what was asked and the code of the answer.",
      labelNames: [...request, "code"],
      registers,
    });
    const name = "apiserver_request_duration_seconds";
    const help = "Time from a request's arrival to the end of its answer; watches and other long-running requests are left out.";
    const lines = () => [...this.#counts.values()].flatMap((counts) => counts.durations(name, component));
    this.#registry.registerMetric(histogramOf(name, help, lines));
    this.#longRunning = new Gauge({
      name: "apiserver_longrunning_requests",
      help: "Watches, logs and the like that are open now.",
      labelNames: ["verb", "group", "version", "resource", "subresource", "scope", "component"],
      registers,
    });
    this.#terminations = new Counter({
      name: "apiserver_request_terminations_total",
      help: "Requests that this server ended by itself: too many in flight, or out of time.",
      labelNames: ["verb", "group", "version", "resource", "subresource", "scope", "component", "code"],
      registers,
    });
    this.#watchEvents = new Counter({
      name: "apiserver_watch_events_total",
      help: "Events sent to watchers.",
      labelNames: ["group", "version", "resource"],
      registers,
    });
    this.#slowWatchers = new Counter({
      name: "apiserver_terminated_watchers_total",
      help: "Watchers that were ended because they did not take what was sent to them.",
      labelNames: ["group", "version", "resource"],
      registers,
    });
    const current = new Gauge({
      name: "apiserver_current_inflight_requests",
      help: "Requests in flight now, of those whose number is limited.",
      labelNames: ["request_kind"],
      registers,
      collect: () => {
        current.set({ request_kind: "readOnly" }, inFlight.now.reads);
        current.set({ request_kind: "mutating" }, inFlight.now.writes);
      },
    });
    const objects = new Gauge({
      name: "apiserver_resource_objects",
      help: "Stored objects, by kind.",
      labelNames: ["group", "resource"],
      registers,
      collect: () => {
        for (const { definition, cache } of stores()) {
          const { group, resource } = definition.type;
          objects.set({ group, resource }, cache.size);
        }
      },
    });
  }

  /** Where requests with these labels are counted. */
  countsOf(labels: RequestLabels): RequestCounts {
    const { verb, group, version, resource, subresource, scope, dry_run: dryRun } = labels;
    const key = `${verb} ${group}/${version}/${resource}/${subresource} ${scope} ${dryRun}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const counts = new RequestCounts(labels);
    this.#counts.set(key, counts);
    return counts;
  }

  terminated({ dry_run: _, ...labels }: RequestLabels, code: number): void {
    this.#terminations.inc({ ...labels, component, code });
  }

  /** @returns to be called when it ends. */
  longRunningBegan({ dry_run: _, ...labels }: RequestLabels): () => void {
    const all = { ...labels, component };
    this.#longRunning.inc(all);
    return () => this.#longRunning.dec(all);
  }

  tooSlow({ group, version, resource }: RequestLabels): void {
    this.#slowWatchers.inc({ group, version, resource });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In Prometheus' text format. */
  text(): Promise<string> {
    for (const counts of this.#counts.values()) this.#book(counts);
    return this.#registry.metrics();
  }

  #book(counts: RequestCounts): void {
    const { group, version, resource } = counts.labels;
    const { answers, events } = counts.take();
    for (const [code, count] of answers) this.#requests.inc({ ...counts.labels, component, code }, count);
    if (events > 0) this.#watchEvents.inc({ group, version, resource }, events);
  }
}

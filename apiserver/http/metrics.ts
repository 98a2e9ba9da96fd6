import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ApiRequest } from "#api/request";
import type { ResourceStore } from "../registry/resource-store.ts";
import type { InFlight } from "./in-flight.ts";

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
const seconds = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

/** The API server's numbers under the names that upstream's dashboards ask for. */
export class ApiMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #durations: Histogram;
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
    this.#durations = new Histogram({
      name: "apiserver_request_duration_seconds",
      help: "Time from a request's arrival to the end of its answer; watches and other long-running requests are left out.",
      labelNames: [...request],
      buckets: seconds,
      registers,
    });
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

  answered(labels: RequestLabels, code: number, tookMs: number | undefined): void {
    this.#requests.inc({ ...labels, component, code });
    if (tookMs !== undefined) this.#durations.observe({ ...labels, component }, tookMs / 1000);
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

  sent({ group, version, resource }: RequestLabels, events: number): void {
    this.#watchEvents.inc({ group, version, resource }, events);
  }

  tooSlow({ group, version, resource }: RequestLabels): void {
    this.#slowWatchers.inc({ group, version, resource });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

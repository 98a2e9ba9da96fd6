import type { Node } from "#api/generated/types";
import type { Clock } from "#base/clock";
import { readiness } from "./readiness.ts";

/** Whether pods may be driven from a node that is not well, and when. */
export type Eviction =
  | { readonly type: "inMs"; readonly waitMs: number }
  /** Too much of its zone is not well: what is driven away now would find no better place. */
  | { readonly type: "held" }
  /** Nothing is well: rather this controller is cut off than everybody else. Nodes that were marked are forgiven. */
  | { readonly type: "forgiven" };

/** Upstream's --node-eviction-rate, --unhealthy-zone-threshold and --large-cluster-size-threshold. */
const betweenNodesMs = 10_000;
const betweenNodesOfLargeZonesMs = 100_000;
const unhealthyShare = 0.55;
const largeZone = 50;

/** Paces evictions: one node of a zone at a time, fewer when much of the zone is not well, none when all is lost. */
export class DisruptionBudget {
  readonly #clock: Clock;
  readonly #turns = new Map<string, { readonly zone: string; readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  eviction(node: Node, all: readonly Node[]): Eviction {
    const name = node.metadata.name ?? "";
    if (readiness(node) === "ready") {
      this.#turns.delete(name);
      return { type: "inMs", waitMs: 0 };
    }
    if (!all.some((other) => readiness(other) === "ready")) {
      this.#turns.clear();
      return { type: "forgiven" };
    }
    const zone = zoneOf(node);
    const neighbours = all.filter((other) => zoneOf(other) === zone);
    const unwell = neighbours.filter((other) => readiness(other) !== "ready").length;
    const isPartial = unwell > 2 && unwell < neighbours.length && unwell / neighbours.length >= unhealthyShare;
    if (isPartial && neighbours.length <= largeZone) return { type: "held" };
    return { type: "inMs", waitMs: this.#turnOf(name, zone, isPartial ? betweenNodesOfLargeZonesMs : betweenNodesMs) };
  }

  forget(name: string): void {
    this.#turns.delete(name);
  }

  #turnOf(name: string, zone: string, apartMs: number): number {
    const now = this.#clock.monotonic();
    const known = this.#turns.get(name);
    if (known !== undefined) return Math.max(known.at - now, 0);
    const last = Math.max(...[...this.#turns.values()].filter((turn) => turn.zone === zone).map(({ at }) => at), -Infinity);
    const at = Math.max(now, last + apartMs);
    this.#turns.set(name, { zone, at });
    return at - now;
  }
}

function zoneOf({ metadata: { labels = {} } }: Node): string {
  return `${labels["topology.kubernetes.io/region"] ?? ""}/${labels["topology.kubernetes.io/zone"] ?? ""}`;
}

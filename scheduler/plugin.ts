import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import type { NodeInfo } from "./node-info.ts";
import type { ClusterSnapshot } from "./snapshot.ts";

/** Why a node will not do. One for each thing that is missing. */
export interface Rejection {
  /** In upstream's words: people and programs search for them. */
  readonly reasons: readonly string[];
  /** Whether the node would do if pods left it. */
  readonly resolvableByPreemption: boolean;
}

/** What happened in the cluster that may make room for a pod. */
export type ClusterEvent = "nodeAdded" | "nodeUpdated" | "nodeDeleted" | "podAdded" | "podUpdated" | "podDeleted";

export interface SchedulerPlugin {
  readonly name: string;
  /** How much its scores count. */
  readonly weight?: number;
  /** Runs once for each attempt; what it returns answers for each node from its closures. Undefined: no opinion on this pod. */
  prepare(pod: Stored<Pod>, cluster: ClusterSnapshot): PodRules | undefined;
  /** After which events a pod that this plugin rejected is worth another attempt. */
  readonly wakesOn?: readonly ClusterEvent[];
}

/** A plugin's opinion on one pod. Pure: the same answers for the same node. */
export interface PodRules {
  /** Only these nodes are looked at. */
  readonly nodes?: ReadonlySet<string>;
  filter?(node: NodeInfo): Rejection | undefined;
  /** More is better. Without `normalize` from 0 to 100. */
  score?(node: NodeInfo): number;
  /** Brings the scores of all nodes that passed to 0 … 100. */
  normalize?(scores: ReadonlyMap<string, number>): ReadonlyMap<string, number>;
}

export const highestScore = 100;

/** The highest becomes 100 and the rest keep their proportion; `reverse` when less is better (upstream: DefaultNormalizeScore). */
export function proportionally(
  scores: ReadonlyMap<string, number>,
  { reverse }: { reverse: boolean },
): ReadonlyMap<string, number> {
  const highest = Math.max(0, ...scores.values());
  const scaled = (score: number) => (highest === 0 ? 0 : Math.floor((highestScore * score) / highest));
  return new Map([...scores].map(([node, score]) => [node, reverse ? highestScore - scaled(score) : scaled(score)]));
}

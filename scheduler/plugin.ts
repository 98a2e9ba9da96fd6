import type { ClusterEvent } from "./cluster-event.ts";
import type { NodeInfo } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";
import type { ClusterSnapshot } from "./snapshot.ts";

/** Why a node will not do. One for each thing that is missing. */
export interface Rejection {
  /** In upstream's words: people and programs search for them. */
  readonly reasons: readonly string[];
  /** Whether the node may do if pods left it. */
  readonly resolvableByPreemption: boolean;
}

export interface SchedulerPlugin {
  readonly name: string;
  /** How much its scores count. */
  readonly weight?: number;
  /** Runs once for each attempt; what it returns answers for each node from its closures. Undefined: no opinion on this pod. */
  prepare(pod: PodInfo, cluster: ClusterSnapshot): PodRules | undefined;
  /** Whether a pod that this plugin rejected is worth another attempt after the event. Absent: never. When in doubt, true. */
  wakes?(pod: PodInfo, event: ClusterEvent): boolean;
}

/** A plugin's opinion on one pod. Pure: the same answers for the same node. */
export interface PodRules {
  /** Only these nodes are looked at. */
  readonly nodes?: ReadonlySet<string>;
  /** `node` is one of the snapshot's, or one of them as it would be with some pods gone and others there: the rest of the cluster is the same. */
  filter?(node: NodeInfo): Rejection | undefined;
  /** Runs once, for the nodes that passed all filters. Undefined: all are as good. */
  scoring?(feasible: readonly NodeInfo[]): Scoring | undefined;
}

export interface Scoring {
  /** More is better. Without `normalize` from 0 to 100. */
  score(node: NodeInfo): number;
  /** Brings the scores of all nodes that passed to 0 … 100. */
  normalize?(scores: ReadonlyMap<string, number>): ReadonlyMap<string, number>;
}

export const highestScore = 100;

/** The highest becomes 100 and the rest keep their proportion; `reverse` when less is better (upstream: DefaultNormalizeScore). */
export function proportionally(
  scores: ReadonlyMap<string, number>,
  { reverse }: { reverse: boolean },
): ReadonlyMap<string, number> {
  const highest = highestOf(scores.values());
  const scaled = (score: number) => (highest === 0 ? 0 : Math.floor((highestScore * score) / highest));
  return new Map([...scores].map(([node, score]) => [node, reverse ? highestScore - scaled(score) : scaled(score)]));
}

function highestOf(scores: Iterable<number>): number {
  let highest = 0;
  for (const score of scores) highest = Math.max(highest, score);
  return highest;
}

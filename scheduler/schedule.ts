import type { Random } from "#base/random";
import { type Attempt, outOfQuestion, prepareAttempt, type Rejected, rejectionOf } from "./filter.ts";
import { histogram } from "./histogram.ts";
import type { NodeInfo } from "./node-info.ts";
import type { SchedulerPlugin } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";
import { preempt } from "./preempt.ts";
import { totalScores } from "./score.ts";
import type { ClusterSnapshot } from "./snapshot.ts";

export type Decision = { readonly type: "node"; readonly name: string } | NoNode;

/** No node will do. */
export interface NoNode {
  readonly type: "none";
  /** As upstream words it. */
  readonly message: string;
  /** Whose rejections stand in the way: what they wake on is worth another attempt. */
  readonly plugins: ReadonlySet<string>;
  /** The node where room is to be made for the pod: undefined leaves what was nominated before, empty takes it back. */
  readonly nominated?: string;
  /** Who must leave it, the most important first. */
  readonly victims: readonly PodInfo[];
}

/** Finds the node for a pod: filters, scores, and rolls the dice between the best. Pure but for the dice. */
export function schedule(pod: PodInfo, cluster: ClusterSnapshot, plugins: readonly SchedulerPlugin[], random: Random): Decision {
  if (cluster.nodes.length === 0) {
    return { type: "none", message: "no nodes available to schedule pods", plugins: new Set(), victims: [] };
  }
  const attempt = prepareAttempt(pod, cluster, plugins);
  const { feasible, rejected } = filterNodes(attempt);
  if (feasible.length > 0) return { type: "node", name: best(attempt, feasible, random) };
  return noNode(attempt, rejected, random);
}

/** The node that room was made on is taken without a look at others if it will do now. */
function filterNodes(attempt: Attempt): { feasible: readonly NodeInfo[]; rejected: ReadonlyMap<NodeInfo, Rejected> } {
  const { pod, cluster } = attempt;
  const rejected = new Map<NodeInfo, Rejected>();
  const passes = (node: NodeInfo): boolean => {
    const rejection = outOfQuestion(attempt, node) ?? rejectionOf(attempt, node);
    if (rejection !== undefined) rejected.set(node, rejection);
    return rejection === undefined;
  };
  const nominated = cluster.nominatedNode(pod.uid);
  if (nominated !== undefined && passes(nominated)) return { feasible: [nominated], rejected };
  return { feasible: cluster.nodes.filter(passes), rejected };
}

function best(attempt: Attempt, nodes: readonly NodeInfo[], random: Random): string {
  const [only] = nodes;
  if (nodes.length === 1 && only !== undefined) return only.node.metadata.name;
  let [highest, winners]: [number, string[]] = [-Infinity, []];
  for (const [name, total] of totalScores(attempt, nodes)) {
    if (total > highest) [highest, winners] = [total, []];
    if (total === highest) winners.push(name);
  }
  return winners[Math.floor(random.float() * winners.length)] ?? "";
}

/**
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). preemption: …` (upstream: FitError.Error). There are
 * no resource claims to give back, as upstream says each time since 1.34.
 */
function noNode(attempt: Attempt, rejected: ReadonlyMap<NodeInfo, Rejected>, random: Random): NoNode {
  const rejections = [...rejected.values()];
  const plugins = new Set(rejections.flatMap((rejection) => rejection.plugins));
  const reasons = histogram(rejections.flatMap(({ rejection }) => rejection.reasons));
  const message = `0/${rejections.length} nodes are available: ${reasons}.`;
  const preemption = preempt(attempt, rejected, random);
  if (preemption.type === "victims") {
    return { type: "none", message, plugins, nominated: preemption.node, victims: preemption.victims };
  }
  return {
    type: "none",
    message: `${message} no new claims to deallocate, preemption: ${preemption.message}`,
    plugins,
    ...(preemption.type === "hopeless" && { nominated: "" }),
    victims: [],
  };
}

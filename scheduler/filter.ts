import { type NodeInfo, withPod } from "./node-info.ts";
import type { PodRules, Rejection, SchedulerPlugin } from "./plugin.ts";
import type { PodInfo } from "./pod-info.ts";
import type { ClusterSnapshot } from "./snapshot.ts";

/** One attempt to place a pod: everything that is asked, node by node. */
export interface Attempt {
  readonly pod: PodInfo;
  readonly cluster: ClusterSnapshot;
  readonly prepared: readonly { readonly plugin: SchedulerPlugin; readonly rules: PodRules }[];
}

export interface Rejected {
  /** Whose. */
  readonly plugins: readonly string[];
  readonly rejection: Rejection;
}

export function prepareAttempt(pod: PodInfo, cluster: ClusterSnapshot, plugins: readonly SchedulerPlugin[]): Attempt {
  const prepared = plugins.flatMap((plugin) => {
    const rules = plugin.prepare(pod, cluster);
    return rules === undefined ? [] : [{ plugin, rules }];
  });
  return { pod, cluster, prepared };
}

/** Nodes that some plugin never asks for. The others are worth asking the filters. */
export function outOfQuestion({ prepared }: Attempt, { node }: NodeInfo): Rejected | undefined {
  const { name } = node.metadata;
  if (!prepared.some(({ rules }) => rules.nodes?.has(name) === false)) return undefined;
  const plugins = prepared.filter(({ rules }) => rules.nodes !== undefined).map(({ plugin }) => plugin.name);
  const reasons = [`node(s) didn't satisfy plugin(s) [${plugins.toSorted().join(" ")}]`];
  return { plugins, rejection: { reasons, resolvableByPreemption: false } };
}

/**
 * The first plugin that rejects the node. A node where other pods wait for room must do with them and without them: they may take what
 * the pod needs, and may never come, though the pod needs them.
 */
export function rejectionOf(attempt: Attempt, node: NodeInfo): Rejected | undefined {
  const { pod, cluster } = attempt;
  const waiting = cluster
    .nominated(node.node.metadata.name)
    .filter(({ priority, uid }) => priority >= pod.priority && uid !== pod.uid);
  const crowded = waiting.length > 0 ? firstRejection(attempt, waiting.reduce(withPod, node)) : undefined;
  return crowded ?? firstRejection(attempt, node);
}

function firstRejection({ prepared }: Attempt, node: NodeInfo): Rejected | undefined {
  for (const { plugin, rules } of prepared) {
    const rejection = rules.filter?.(node);
    if (rejection !== undefined) return { plugins: [plugin.name], rejection };
  }
  return undefined;
}

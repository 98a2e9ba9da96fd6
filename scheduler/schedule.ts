import type { Random } from "#base/random";
import type { Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import type { NodeInfo } from "./node-info.ts";
import type { PodRules, Rejection, SchedulerPlugin } from "./plugin.ts";
import type { ClusterSnapshot } from "./snapshot.ts";

export type Decision = { readonly type: "node"; readonly name: string } | FitError;

/** No node will do. */
export interface FitError {
  readonly type: "none";
  /** As upstream words it. */
  readonly message: string;
  /** Whose rejections stand in the way: what they wake on is worth another attempt. */
  readonly plugins: ReadonlySet<string>;
}

/** Finds the node for a pod: filters, scores, and rolls the dice between the best. Pure but for the dice. */
export function schedule(
  pod: Stored<Pod>,
  cluster: ClusterSnapshot,
  plugins: readonly SchedulerPlugin[],
  random: Random,
): Decision {
  if (cluster.nodes.length === 0) return { type: "none", message: "no nodes available to schedule pods", plugins: new Set() };
  const rules = plugins.flatMap((plugin) => {
    const prepared = plugin.prepare(pod, cluster);
    return prepared === undefined ? [] : [{ plugin, rules: prepared }];
  });
  const verdicts = cluster.nodes.map((node) => ({ node, rejected: firstRejection(rules, node) }));
  const feasible = verdicts.flatMap(({ node, rejected }) => (rejected === undefined ? [node] : []));
  if (feasible.length > 0) return { type: "node", name: best(feasible, rules, random) };
  const rejections = verdicts.flatMap(({ node, rejected }) => (rejected === undefined ? [] : [{ node, ...rejected }]));
  return {
    type: "none",
    message: explain(pod, rejections),
    plugins: new Set(rejections.map(({ plugin }) => plugin)),
  };
}

interface Prepared {
  readonly plugin: SchedulerPlugin;
  readonly rules: PodRules;
}

interface Rejected {
  readonly node: NodeInfo;
  readonly plugin: string;
  readonly rejection: Rejection;
}

function firstRejection(prepared: readonly Prepared[], node: NodeInfo): Omit<Rejected, "node"> | undefined {
  for (const { plugin, rules } of prepared) {
    if (rules.nodes?.has(node.node.metadata.name) === false) {
      const reasons = [`node(s) didn't satisfy plugin(s) [${plugin.name}]`];
      return { plugin: plugin.name, rejection: { reasons, resolvableByPreemption: false } };
    }
    const rejection = rules.filter?.(node);
    if (rejection !== undefined) return { plugin: plugin.name, rejection };
  }
  return undefined;
}

function best(nodes: readonly NodeInfo[], prepared: readonly Prepared[], random: Random): string {
  const [only] = nodes;
  if (nodes.length === 1 && only !== undefined) return only.node.metadata.name;
  const totals = new Map(nodes.map(({ node }) => [node.metadata.name, 0]));
  for (const { plugin, rules } of prepared) {
    if (rules.score === undefined) continue;
    const raw = new Map(nodes.map((node) => [node.node.metadata.name, rules.score?.(node) ?? 0]));
    for (const [name, score] of rules.normalize?.(raw) ?? raw) {
      totals.set(name, (totals.get(name) ?? 0) + score * (plugin.weight ?? 1));
    }
  }
  const highest = Math.max(...totals.values());
  const winners = [...totals].filter(([, total]) => total === highest).map(([name]) => name);
  return winners[Math.floor(random.float() * winners.length)] ?? "";
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). preemption: …` (upstream: FitError.Error). */
function explain(pod: Pod, rejections: readonly Rejected[]): string {
  const reasons = histogram(rejections.flatMap(({ rejection }) => rejection.reasons));
  return `0/${rejections.length} nodes are available: ${reasons}. ${explainPreemption(pod, rejections)}`;
}

/**
 * There are no resource claims to give back, as upstream says each time since 1.34, and pods are not preempted: where a pod of lower
 * priority is in the way, that is said.
 */
function explainPreemption({ spec }: Pod, rejections: readonly Rejected[]): string {
  const claims = "no new claims to deallocate";
  if (spec?.preemptionPolicy === "Never") return `${claims}, preemption: not eligible due to preemptionPolicy=Never.`;
  const priority = spec?.priority ?? 0;
  const why = ({ rejection, node }: Rejected) => {
    if (!rejection.resolvableByPreemption) return "Preemption is not helpful for scheduling";
    const victims = [...node.pods.values()].some((other) => (other.spec?.priority ?? 0) < priority);
    return victims ? "Preemption is not implemented yet" : "No preemption victims found for incoming pod";
  };
  return `${claims}, preemption: 0/${rejections.length} nodes are available: ${histogram(rejections.map(why))}.`;
}

function histogram(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .toSorted()
    .join(", ");
}

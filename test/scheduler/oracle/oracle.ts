import type { Node, Pod } from "#api/generated/types";
import { sum } from "./amounts.ts";
import { type Refusal, refuses } from "./filters.ts";
import { type Sacrifice, sacrifices } from "./preemption.ts";
import { scores } from "./scores.ts";
import type { World } from "./world.ts";

export interface Verdict {
  readonly refusals: ReadonlyMap<Node, Refusal>;
  /** Of the nodes that are left, weighted and added up. */
  readonly totals: ReadonlyMap<string, number>;
  /** Whose scores are not the same for all of them. */
  readonly deciding: readonly string[];
  /** Any of them is a right choice. */
  readonly best: readonly string[];
  readonly sacrifices: readonly Sacrifice[];
  /** What the pod is told when there is no node. */
  readonly message: string;
}

/**
 * The documented rules of the default scheduler in the plainest way: lists, loops, every question asked anew for every node. It shares
 * nothing with the scheduler but the types of the API.
 */
export function oracle(pod: Pod, world: World): Verdict {
  const refusals = new Map<Node, Refusal>();
  for (const node of world.nodes) {
    const refusal = refuses(pod, node, world);
    if (refusal !== undefined) refusals.set(node, refusal);
  }
  const promised = world.nodes.filter((node) => node.metadata.name === pod.status?.nominatedNodeName && !refusals.has(node));
  const left = promised.length > 0 ? promised : world.nodes.filter((node) => !refusals.has(node));
  if (left.length === 0) return refused(pod, world, refusals);
  const byPlugin = [...scores(pod, left, world)];
  const totals = new Map(
    left.map(({ metadata }, index) => [metadata.name ?? "", sum(byPlugin.map(([, each]) => each[index] ?? 0))]),
  );
  const highest = Math.max(...totals.values());
  return {
    refusals,
    totals,
    deciding: byPlugin.filter(([, each]) => new Set(each).size > 1).map(([plugin]) => plugin),
    best: [...totals].filter(([, total]) => total === highest).map(([name]) => name),
    sacrifices: [],
    message: "",
  };
}

function refused(pod: Pod, world: World, refusals: ReadonlyMap<Node, Refusal>): Verdict {
  if (world.nodes.length === 0) {
    const message = "no nodes available to schedule pods";
    return { refusals, totals: new Map(), deciding: [], best: [], sacrifices: [], message };
  }
  const none = `0/${world.nodes.length} nodes are available:`;
  const why = `${none} ${counted([...refusals.values()].flatMap(({ reasons }) => reasons))}.`;
  const found = sacrifices(pod, world, refusals);
  const verdict = { refusals, totals: new Map<string, number>(), deciding: [], best: [] };
  if (typeof found === "string")
    return { ...verdict, sacrifices: [], message: `${why} no new claims to deallocate, preemption: ${found}` };
  if (found.best.length > 0) return { ...verdict, sacrifices: found.best, message: why };
  const useless = `${none} ${counted(found.reasons)}.`;
  return { ...verdict, sacrifices: [], message: `${why} no new claims to deallocate, preemption: ${useless}` };
}

function counted(reasons: readonly string[]): string {
  return [...new Set(reasons)]
    .map((reason) => `${reasons.filter((other) => other === reason).length} ${reason}`)
    .sort()
    .join(", ");
}

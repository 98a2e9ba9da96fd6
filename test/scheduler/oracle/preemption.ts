import type { Node, Pod } from "#api/generated/types";
import { sum } from "./amounts.ts";
import { type Refusal, refuses } from "./filters.ts";
import { podsOn, priorityOf, putOn, without, type World } from "./world.ts";

export interface Sacrifice {
  readonly node: string;
  /** The most important first. */
  readonly victims: readonly Pod[];
}

/** The nodes that are as good as any, or why there is none, node by node. Undefined: it may not. */
export function sacrifices(
  pod: Pod,
  world: World,
  refusals: ReadonlyMap<Node, Refusal>,
): { best: readonly Sacrifice[]; reasons: readonly string[] } | string {
  if (pod.spec?.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  const promised = world.nodes.find(({ metadata }) => metadata.name === pod.status?.nominatedNodeName);
  if (
    promised !== undefined &&
    refusals.get(promised)?.hopeful === true &&
    podsOn(world, promised).some((other) => leavesFor(pod, other))
  ) {
    return "not eligible due to a terminating pod on the nominated node.";
  }
  const reasons: string[] = [];
  const possible: Sacrifice[] = [];
  for (const node of world.nodes) {
    const found = refusals.get(node)?.hopeful === true ? onNode(pod, node, world) : ["Preemption is not helpful for scheduling"];
    if ("victims" in found) possible.push(found);
    else reasons.push(...found);
  }
  return { best: leastHarm(possible), reasons };
}

function leavesFor(pod: Pod, other: Pod): boolean {
  const marked = (other.status?.conditions ?? []).some(
    ({ type, status, reason }) => type === "DisruptionTarget" && status === "True" && reason === "PreemptionByScheduler",
  );
  return other.metadata.deletionTimestamp !== undefined && marked && priorityOf(other) < priorityOf(pod);
}

function onNode(pod: Pod, node: Node, world: World): Sacrifice | readonly string[] {
  const lower = podsOn(world, node)
    .filter((other) => priorityOf(other) < priorityOf(pod))
    .toSorted((left, right) => priorityOf(right) - priorityOf(left) || startOf(left) - startOf(right));
  if (lower.length === 0) return ["No preemption victims found for incoming pod"];
  let left = without(world, lower);
  const still = refuses(pod, node, left);
  if (still !== undefined) return still.reasons;
  const victims: Pod[] = [];
  for (const other of lower) {
    const kept = putOn(left, other, node);
    if (refuses(pod, node, kept) === undefined) left = kept;
    else victims.push(other);
  }
  return { node: node.metadata.name ?? "", victims };
}

function startOf({ status }: Pod): number {
  return Date.parse(status?.startTime ?? "");
}

function leastHarm(possible: readonly Sacrifice[]): readonly Sacrifice[] {
  const byHighest = lowest(possible, ({ victims }) => Math.max(...victims.map(priorityOf)));
  const bySum = lowest(byHighest, ({ victims }) => sum(victims.map((victim) => priorityOf(victim) + 2147483648)));
  const byCount = lowest(bySum, ({ victims }) => victims.length);
  return lowest(byCount, ({ victims }) => {
    const highest = Math.max(...victims.map(priorityOf));
    return -Math.min(...victims.filter((victim) => priorityOf(victim) === highest).map(startOf));
  });
}

function lowest(list: readonly Sacrifice[], by: (each: Sacrifice) => number): readonly Sacrifice[] {
  const least = Math.min(...list.map(by));
  return list.filter((each) => by(each) === least);
}

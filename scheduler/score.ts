import type { Attempt } from "./filter.ts";
import type { NodeInfo } from "./node-info.ts";

/** The weighted scores of all plugins together, by node. */
export function totalScores({ prepared }: Attempt, feasible: readonly NodeInfo[]): ReadonlyMap<string, number> {
  const totals = new Map(feasible.map(({ node }) => [node.metadata.name, 0]));
  for (const { plugin, rules } of prepared) {
    const scoring = rules.scoring?.(feasible);
    if (scoring === undefined) continue;
    const raw = new Map(feasible.map((info) => [info.node.metadata.name, scoring.score(info)]));
    for (const [name, score] of scoring.normalize?.(raw) ?? raw) {
      totals.set(name, (totals.get(name) ?? 0) + score * (plugin.weight ?? 1));
    }
  }
  return totals;
}

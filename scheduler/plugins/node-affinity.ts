import type { Node, NodeSelectorTerm, Pod } from "#api/generated/types";
import { nodeOffered } from "../cluster-event.ts";
import { proportionally, type SchedulerPlugin } from "../plugin.ts";
import { matchesTerm } from "./node-selector-term.ts";

/** Node selectors and node affinity: where a pod must go, and where it would like to. */
export const nodeAffinity: SchedulerPlugin = {
  name: "NodeAffinity",
  weight: 2,
  wakes: ({ pod }, event) => {
    const node = nodeOffered(event);
    return node !== undefined && selectsNode(pod, node);
  },
  prepare: ({ pod }) => {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const nodes = namedNodes(pod);
    return {
      ...(nodes && { nodes }),
      filter: ({ node }) =>
        selectsNode(pod, node)
          ? undefined
          : { reasons: ["node(s) didn't match Pod's node affinity/selector"], resolvableByPreemption: false },
      ...(preferred.length > 0 && {
        scoring: () => ({
          score: ({ node }) =>
            preferred.reduce((total, { preference, weight }) => total + (matchesTerm(node, preference) ? weight : 0), 0),
          normalize: (scores: ReadonlyMap<string, number>) => proportionally(scores, { reverse: false }),
        }),
      }),
    };
  },
};

/** Whether the pod may go there, as far as it chooses its nodes. */
export function selectsNode({ spec }: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(spec?.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const required = requiredTerms(spec);
  return required === undefined || required.some((term) => matchesTerm(node, term));
}

/** When each of the terms names its nodes: what DaemonSets do. Saves asking all others. */
function namedNodes({ spec }: Pod): ReadonlySet<string> | undefined {
  const named = (requiredTerms(spec) ?? []).map(({ matchFields = [] }) => {
    const lists = matchFields.filter(({ key, operator }) => key === "metadata.name" && operator === "In");
    const [first, ...others] = lists.map(({ values = [] }) => values);
    return first?.filter((name) => others.every((values) => values.includes(name)));
  });
  if (named.length === 0 || named.includes(undefined)) return undefined;
  return new Set(named.flatMap((names) => names ?? []));
}

function requiredTerms(spec: Pod["spec"]): readonly NodeSelectorTerm[] | undefined {
  return spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

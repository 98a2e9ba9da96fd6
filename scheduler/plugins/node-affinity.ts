import type { Node, Pod } from "#api/generated/types";
import { proportionally, type SchedulerPlugin } from "../plugin.ts";
import { matchesTerm } from "./node-selector-term.ts";

/** Node selectors and node affinity: where a pod must go, and where it would like to. */
export const nodeAffinity: SchedulerPlugin = {
  name: "NodeAffinity",
  weight: 2,
  wakesOn: ["nodeAdded", "nodeUpdated"],
  prepare: (pod) => {
    const preferred = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return {
      filter: ({ node }) =>
        selectsNode(pod, node)
          ? undefined
          : { reasons: ["node(s) didn't match Pod's node affinity/selector"], resolvableByPreemption: false },
      ...(preferred.length > 0 && {
        score: ({ node }) =>
          preferred.reduce((total, { preference, weight }) => total + (matchesTerm(node, preference) ? weight : 0), 0),
        normalize: (scores: ReadonlyMap<string, number>) => proportionally(scores, { reverse: false }),
      }),
    };
  },
};

/** Whether the pod may go there, as far as it chooses its nodes. */
export function selectsNode({ spec }: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(spec?.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const required = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(node, term));
}

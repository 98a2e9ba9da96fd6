import type { Node } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import { nodes } from "#api/resource-type";
import { nothingToDo, type Plan } from "../framework/plan.ts";
import { conditionTaints } from "./condition-taints.ts";

export interface NodeView {
  readonly node: Stored<Node>;
}

/** Keeps pods away from nodes that say, or are said, not to be fit for them. */
export function planNode({ node }: NodeView): Plan {
  if (node.metadata.deletionTimestamp !== undefined) return nothingToDo;
  const taints = conditionTaints(node);
  if (taints === undefined) return nothingToDo;
  const object: Stored<KubeObject> = withTaints(node, taints);
  return { steps: [{ type: "update", resource: nodes, object }] };
}

function withTaints(node: Stored<Node>, taints: NonNullable<Node["spec"]>["taints"] & object): Stored<Node> {
  const { taints: _, ...spec } = node.spec ?? {};
  return { ...node, spec: taints.length === 0 ? spec : { ...spec, taints } };
}

import type { Node, Taint } from "#api/generated/types";
import { nodes } from "#api/resource-type";
import { isSameType, type AdmissionPlugin } from "./admission.ts";

const notReady: Taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };

/** A new node takes no pods until the node lifecycle controller has seen that it is ready. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: "TaintNodesByCondition",
  handles: ({ operation, type, subresource }) => operation === "create" && isSameType(type, nodes) && subresource === undefined,
  mutate: async ({ object }) => {
    const node = object as Node;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === notReady.key && effect === notReady.effect)) return node;
    return { ...node, spec: { ...node.spec, taints: [...taints, notReady] } };
  },
};

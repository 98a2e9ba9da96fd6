import type { Pod, Toleration } from "#api/generated/types";
import type { AdmissionPlugin } from "./admission.ts";

const taints = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] as const;
const seconds = 300;

/** Lets pods outlast five minutes of trouble of their node unless they say otherwise. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: "DefaultTolerationSeconds",
  handles: ({ operation, type, subresource }) =>
    (operation === "create" || operation === "update") &&
    type.group === "" &&
    type.resource === "pods" &&
    subresource === undefined,
  mutate: async ({ object }) => {
    const pod = object as Pod;
    const present = pod.spec?.tolerations ?? [];
    const added: Toleration[] = taints
      .filter((key) => !present.some((toleration) => tolerates(toleration, key)))
      .map((key) => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: seconds }));
    if (added.length === 0 || pod.spec === undefined) return pod;
    return { ...pod, spec: { ...pod.spec, tolerations: [...present, ...added] } };
  },
};

function tolerates({ key, effect }: Toleration, taint: string): boolean {
  const sameKey = key === taint || key === undefined || key === "";
  return sameKey && (effect === "NoExecute" || effect === undefined || effect === "");
}

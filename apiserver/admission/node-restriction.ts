import { isDeepStrictEqual } from "node:util";
import type { Node, Pod } from "#api/generated/types";
import { pods } from "#api/resource-type";
import { StatusError } from "#api/status";
import { nodeOf } from "../authn/user.ts";
import type { Reader } from "../registry/reader.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";

/** Below this prefix labels say where a workload may go; a node must not invite it. */
const restrictedLabels = "node-restriction.kubernetes.io/";

/** Keeps what an agent writes to its own node, its lease and the status of its pods (upstream: plugin/pkg/admission/noderestriction). */
export function nodeRestriction(reader: Reader): AdmissionPlugin {
  return {
    name: "NodeRestriction",
    handles: ({ user }) => nodeOf(user) !== undefined,
    validate: async (request) => {
      const node = nodeOf(request.user) ?? "";
      switch (`${request.type.resource}.${request.type.group}`) {
        case "nodes.":
          validateNode(node, request);
          break;
        case "leases.coordination.k8s.io":
          if (request.name !== node)
            throw refusal(request, `can only access node lease with the same name as the requesting node`);
          break;
        case "pods.":
          await validatePod(node, request, reader);
          break;
      }
    },
  };
}

function validateNode(node: string, request: AdmissionRequest): void {
  if (request.name !== node) throw refusal(request, `node "${node}" is not allowed to modify node "${request.name}"`);
  const next = request.object as Node | undefined;
  const old = request.oldObject as Node | undefined;
  if (request.operation === "create" && (next?.spec?.taints ?? []).some((taint) => taint.key.startsWith(restrictedLabels))) {
    throw refusal(request, `node "${node}" is not allowed to set restricted taints`);
  }
  if (request.operation === "update" && !isDeepStrictEqual(next?.spec?.taints, old?.spec?.taints)) {
    throw refusal(request, `node "${node}" is not allowed to modify taints`);
  }
  const changed = Object.keys({ ...next?.metadata.labels, ...old?.metadata.labels }).filter(
    (label) => label.includes(restrictedLabels) && next?.metadata.labels?.[label] !== old?.metadata.labels?.[label],
  );
  if (changed.length > 0) throw refusal(request, `node "${node}" is not allowed to modify labels: ${changed.sort().join(", ")}`);
}

async function validatePod(node: string, request: AdmissionRequest, reader: Reader): Promise<void> {
  const pod =
    (request.oldObject as Pod | undefined) ?? (await reader.getLive(pods, { namespace: request.namespace, name: request.name }));
  if (pod === undefined) return;
  if (pod.spec?.nodeName !== node) throw refusal(request, `node "${node}" can only change pods with spec.nodeName set to itself`);
}

function refusal({ type, name }: AdmissionRequest, why: string): StatusError {
  const qualified = type.group === "" ? type.resource : `${type.resource}.${type.group}`;
  return new StatusError("Forbidden", `${qualified} "${name}" is forbidden: ${why}`, { name, kind: type.resource });
}

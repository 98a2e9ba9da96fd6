import { isDeepStrictEqual } from "node:util";
import type { Node, Pod } from "#api/generated/types";
import { pods } from "#api/resource-type";
import { StatusError } from "#api/status";
import { nodeOf } from "../authn/user.ts";
import type { Reader } from "../registry/reader.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./admission.ts";

/** Labels below this domain say where a workload may go; a node must not invite it. */
const restrictedDomain = "node-restriction.kubernetes.io";

/** Of Kubernetes' own labels, those that an agent says of its machine (upstream: k8s.io/kubelet/pkg/apis). */
const ofTheMachine = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "beta.kubernetes.io/instance-type",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
]);
const domainsOfTheMachine = ["kubelet.kubernetes.io", "node.kubernetes.io"];

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
  if (request.operation === "update" && !isDeepStrictEqual(next?.spec?.taints, old?.spec?.taints)) {
    throw refusal(request, `node "${node}" is not allowed to modify taints`);
  }
  const changed = Object.keys({ ...next?.metadata.labels, ...old?.metadata.labels }).filter(
    (label) => isForbiddenLabel(label) && next?.metadata.labels?.[label] !== old?.metadata.labels?.[label],
  );
  if (changed.length === 0) return;
  const list = changed.sort().join(", ");
  const what =
    request.operation === "create"
      ? `node "${node}" is not allowed to set the following labels: ${list}`
      : `is not allowed to modify labels: ${list}`;
  throw refusal(request, what);
}

function isForbiddenLabel(label: string): boolean {
  const domain = label.includes("/") ? label.slice(0, label.indexOf("/")) : "";
  const isBelow = (parent: string): boolean => domain === parent || domain.endsWith(`.${parent}`);
  if (isBelow(restrictedDomain)) return true;
  const isKubernetes = isBelow("kubernetes.io") || isBelow("k8s.io");
  return isKubernetes && !ofTheMachine.has(label) && !domainsOfTheMachine.some(isBelow);
}

/** @throws StatusError Forbidden */
async function validatePod(node: string, request: AdmissionRequest, reader: Reader): Promise<void> {
  const pod =
    (request.oldObject as Pod | undefined) ?? (await reader.getLive(pods, { namespace: request.namespace, name: request.name }));
  if (pod === undefined) return;
  const what = request.operation === "delete" ? "delete pods" : "update pod status for pods";
  if (pod.spec?.nodeName !== node) throw refusal(request, `node "${node}" can only ${what} with spec.nodeName set to itself`);
  const labelled =
    request.object !== undefined && !isDeepStrictEqual(request.object.metadata.labels ?? {}, pod.metadata.labels ?? {});
  if (request.subresource === "status" && labelled)
    throw refusal(request, `node "${node}" cannot update labels through pod status`);
}

function refusal({ type, name }: AdmissionRequest, why: string): StatusError {
  const qualified = type.group === "" ? type.resource : `${type.resource}.${type.group}`;
  return new StatusError("Forbidden", `${qualified} "${name}" is forbidden: ${why}`, { name, kind: type.resource });
}

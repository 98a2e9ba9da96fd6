import { isDeepStrictEqual } from "node:util";
import type { Node, Pod, TokenRequest } from "#api/generated/types";
import { pods } from "#api/resource-type";
import { notFound } from "#api/status";
import { nodeOf } from "../authn/user.ts";
import type { Reader } from "../registry/reader.ts";
import { otherUid } from "../registry/token-request.ts";
import { refusal, type AdmissionPlugin, type AdmissionRequest } from "./admission.ts";

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
export function nodeRestriction(reader: Reader, apiAudiences: readonly string[]): AdmissionPlugin {
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
        case "serviceaccounts.":
          if (request.subresource === "token") await validateToken(node, request, reader, apiAudiences);
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

/** A token for one of its pods, for whom that pod asks for one: a stolen node key must not open what no pod of the node could. */
async function validateToken(
  node: string,
  request: AdmissionRequest,
  reader: Reader,
  apiAudiences: readonly string[],
): Promise<void> {
  const { spec } = request.object as TokenRequest;
  const { apiVersion, kind, name = "", uid = "" } = spec?.boundObjectRef ?? {};
  if (apiVersion !== "v1" || kind !== "Pod" || name === "") throw refusal(request, "node requested token not bound to a pod");
  if (uid === "") throw refusal(request, "node requested token with a pod binding without a uid");
  const pod = await reader.getLive(pods, { namespace: request.namespace, name });
  if (pod === undefined) throw notFound(pods, name);
  if (pod.metadata.uid !== uid) throw refusal(request, otherUid(uid));
  if (pod.spec?.nodeName !== node) throw refusal(request, "node requested token bound to a pod scheduled on a different node");
  const audiences = spec?.audiences ?? [];
  if (audiences.length > 1) throw refusal(request, "node may only request 0 or 1 audiences");
  const wanted = audiencesOf(pod, apiAudiences);
  for (const audience of audiences) {
    if (wanted.has(audience)) continue;
    const why = `audience ${JSON.stringify(audience)} not found in pod spec volume, ${request.user.name} is not authorized to request tokens for this audience`;
    throw refusal(request, why);
  }
}

/** For whom the volumes of a pod ask tokens: without a word of that, for the API server. */
function audiencesOf(pod: Pod, apiAudiences: readonly string[]): ReadonlySet<string> {
  const sources = (pod.spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  return new Set(
    sources.flatMap(({ serviceAccountToken: token }) =>
      token === undefined ? [] : token.audience ? [token.audience] : apiAudiences,
    ),
  );
}

import { parseFieldSelector, requiredValue } from "#api/field-selector";
import type { Pod } from "#api/generated/types";
import { pods } from "#api/resource-type";
import { nodeOf } from "../authn/user.ts";
import type { Reader } from "../registry/reader.ts";
import type { Attributes, Authorizer, Decision } from "./authorizer.ts";

/**
 * Lets a node's agent do what its own node and pods need and nothing else: a stolen node key must not open other nodes' secrets
 * (upstream: plugin/pkg/auth/authorizer/node). What it may write in an object is NodeRestriction's question.
 */
export function nodeAuthorizer(reader: Reader): Authorizer {
  return {
    authorize: async (attributes) => {
      const node = nodeOf(attributes.user);
      return node === undefined ? { decision: "noOpinion" } : decide(node, attributes, reader);
    },
    authorizePath: async () => ({ decision: "noOpinion" }),
    rulesFor: (user) => {
      const none = { resourceRules: [], nonResourceRules: [] };
      if (nodeOf(user) === undefined) return { ...none, incomplete: false };
      return { ...none, incomplete: true, evaluationError: "node authorizer does not support user rule resolution" };
    },
  };
}

type Answer = { readonly decision: Decision; readonly reason?: string };

const allow: Answer = { decision: "allow" };
const refuse = (reason: string): Answer => ({ decision: "noOpinion", reason });

function decide(node: string, attributes: Attributes, reader: Reader): Answer {
  const { group, resource, verb } = attributes;
  switch (`${resource}.${group}`) {
    case "nodes.":
      return decideNode(node, attributes);
    case "leases.coordination.k8s.io":
      return decideLease(node, attributes);
    case "pods.":
      return decidePod(node, attributes, reader);
    case "serviceaccounts.":
      return verb === "create" ? decideToken(node, attributes, reader) : decideReferenced(node, attributes, reader);
    case "tokenreviews.authentication.k8s.io":
      return verb === "create" ? allow : refuse("an agent only asks whose a token is");
    case "subjectaccessreviews.authorization.k8s.io":
    case "localsubjectaccessreviews.authorization.k8s.io":
      return verb === "create" ? allow : refuse("an agent only asks what somebody may do");
    case "secrets.":
    case "configmaps.":
      return decideReferenced(node, attributes, reader);
    case "events.":
      return ["create", "update", "patch"].includes(verb) ? allow : refuse("an agent only writes events");
    case "services.":
      return ["get", "list", "watch"].includes(verb) ? allow : refuse("an agent only reads services");
    default:
      return refuse("no relation to a node");
  }
}

function decideNode(node: string, { verb, name, subresource, fieldSelector }: Attributes): Answer {
  if (verb === "create" && subresource === undefined) return allow; // NodeRestriction checks whose it is
  const own = name === node || fieldSelected(fieldSelector, "metadata.name") === node;
  if (!own) return refuse(`node '${node}' cannot ${verb} another node`);
  if (["get", "list", "watch"].includes(verb) && subresource === undefined) return allow;
  return ["update", "patch"].includes(verb) && (subresource === undefined || subresource === "status")
    ? allow
    : refuse("only its node and its status");
}

function decideLease(node: string, { verb, namespace, name }: Attributes): Answer {
  if (namespace !== "kube-node-lease") return refuse(`can only access leases in the "kube-node-lease" system namespace`);
  if (verb === "create") return allow; // NodeRestriction checks the name
  if (!["get", "update", "patch", "delete"].includes(verb))
    return refuse("can only get, create, update, patch, or delete a node lease");
  return name === node ? allow : refuse("can only access node lease with the same name as the requesting node");
}

function decidePod(node: string, { verb, namespace, name, subresource, fieldSelector }: Attributes, reader: Reader): Answer {
  if (verb === "list" || verb === "watch") {
    return fieldSelected(fieldSelector, "spec.nodeName") === node
      ? allow
      : refuse(`can only list/watch pods with spec.nodeName field selector`);
  }
  const pod = name === undefined ? undefined : reader.get(pods, { namespace: namespace ?? "", name });
  // One the cache has not seen yet does not exist for the authorizer either; the agent tries again.
  if (pod?.spec?.nodeName !== node) return refuse(`no relationship found between node '${node}' and this object`);
  if (verb === "get" && subresource === undefined) return allow;
  if (verb === "delete" && subresource === undefined) return allow;
  return ["update", "patch"].includes(verb) && subresource === "status" ? allow : refuse("only the status of its pods");
}

function decideReferenced(
  node: string,
  { verb, resource, namespace, name, fieldSelector, subresource }: Attributes,
  reader: Reader,
): Answer {
  if (subresource !== undefined) return refuse("cannot get subresource");
  const wanted = name ?? fieldSelected(fieldSelector, "metadata.name");
  if (!["get", "list", "watch"].includes(verb) || wanted === undefined)
    return refuse("can only read individual resources of this type");
  const related = reader
    .byIndex(pods, "nodeName", node)
    .some((pod) => pod.metadata.namespace === namespace && referencedNames(pod, resource).has(wanted));
  return related ? allow : refuse(`no relationship found between node '${node}' and this object`);
}

/** That the token is bound to one of its pods is NodeRestriction's question. */
function decideToken(node: string, { namespace, name, subresource }: Attributes, reader: Reader): Answer {
  if (name === undefined) return refuse("can only create tokens for individual service accounts");
  if (subresource !== "token") return refuse("can only create token subresource of serviceaccount");
  const uses = (pod: Pod): boolean => pod.metadata.namespace === namespace && pod.spec?.serviceAccountName === name;
  if (reader.byIndex(pods, "nodeName", node).some(uses)) return allow;
  return refuse(`no relationship found between node '${node}' and this object`);
}

/** The Secrets, ConfigMaps or ServiceAccounts a pod needs on its node. */
function referencedNames(pod: Pod, resource: string): ReadonlySet<string> {
  const names = new Set<string | undefined>();
  const spec = pod.spec;
  if (resource === "serviceaccounts") return new Set([spec?.serviceAccountName ?? "default"]);
  const isSecret = resource === "secrets";
  for (const volume of spec?.volumes ?? []) {
    names.add(isSecret ? volume.secret?.secretName : volume.configMap?.name);
    for (const source of volume.projected?.sources ?? []) names.add(isSecret ? source.secret?.name : source.configMap?.name);
  }
  const { initContainers = [], containers = [], ephemeralContainers = [] } = spec ?? {};
  for (const container of [...initContainers, ...containers, ...ephemeralContainers]) {
    for (const { valueFrom } of container.env ?? [])
      names.add(isSecret ? valueFrom?.secretKeyRef?.name : valueFrom?.configMapKeyRef?.name);
    for (const source of container.envFrom ?? []) names.add(isSecret ? source.secretRef?.name : source.configMapRef?.name);
  }
  if (isSecret) for (const secret of spec?.imagePullSecrets ?? []) names.add(secret.name);
  return new Set([...names].filter((name) => name !== undefined && name !== "")) as Set<string>;
}

function fieldSelected(selector: string | undefined, field: string): string | undefined {
  if (selector === undefined || selector === "") return undefined;
  try {
    return requiredValue(parseFieldSelector(selector), field);
  } catch {
    return undefined;
  }
}

import type {
  ConfigMap,
  Deployment,
  EndpointSlice,
  Event,
  Lease,
  LocalSubjectAccessReview,
  Namespace,
  Node,
  Pod,
  PriorityClass,
  ReplicaSet,
  Secret,
  SelfSubjectAccessReview,
  SelfSubjectReview,
  SelfSubjectRulesReview,
  Service,
  ServiceAccount,
  SubjectAccessReview,
  TokenReview,
} from "./generated/types.ts";
import type { KubeObject } from "./object.ts";

/** What a client must know to speak of a kind. The type parameter exists for the compiler alone. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The plural, as in URLs. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly "~object"?: T;
}

export function apiVersionOf(type: { readonly group: string; readonly version: string }): string {
  return type.group === "" ? type.version : `${type.group}/${type.version}`;
}

export const namespaces = cluster<Namespace>("", "namespaces", "Namespace");
export const nodes = cluster<Node>("", "nodes", "Node");
export const pods = namespaced<Pod>("", "pods", "Pod");
export const configMaps = namespaced<ConfigMap>("", "configmaps", "ConfigMap");
export const secrets = namespaced<Secret>("", "secrets", "Secret");
export const serviceAccounts = namespaced<ServiceAccount>("", "serviceaccounts", "ServiceAccount");
export const services = namespaced<Service>("", "services", "Service");
export const events = namespaced<Event>("", "events", "Event");
export const leases = namespaced<Lease>("coordination.k8s.io", "leases", "Lease");
export const deployments = namespaced<Deployment>("apps", "deployments", "Deployment");
export const replicaSets = namespaced<ReplicaSet>("apps", "replicasets", "ReplicaSet");
export const endpointSlices = namespaced<EndpointSlice>("discovery.k8s.io", "endpointslices", "EndpointSlice");
export const priorityClasses = cluster<PriorityClass>("scheduling.k8s.io", "priorityclasses", "PriorityClass");
export const selfSubjectReviews = cluster<SelfSubjectReview>("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview");
export const tokenReviews = cluster<TokenReview>("authentication.k8s.io", "tokenreviews", "TokenReview");

const authorization = "authorization.k8s.io";
export const selfSubjectAccessReviews = cluster<SelfSubjectAccessReview>(
  authorization,
  "selfsubjectaccessreviews",
  "SelfSubjectAccessReview",
);
export const selfSubjectRulesReviews = cluster<SelfSubjectRulesReview>(
  authorization,
  "selfsubjectrulesreviews",
  "SelfSubjectRulesReview",
);
export const subjectAccessReviews = cluster<SubjectAccessReview>(authorization, "subjectaccessreviews", "SubjectAccessReview");
export const localSubjectAccessReviews = namespaced<LocalSubjectAccessReview>(
  authorization,
  "localsubjectaccessreviews",
  "LocalSubjectAccessReview",
);

function cluster<T extends KubeObject>(group: string, resource: string, kind: string): ResourceType<T> {
  return { group, version: "v1", resource, kind, namespaced: false };
}

function namespaced<T extends KubeObject>(group: string, resource: string, kind: string): ResourceType<T> {
  return { group, version: "v1", resource, kind, namespaced: true };
}

import type { UserInfo } from "../authn/user.ts";
import type { Attributes, Authorizer } from "./authorizer.ts";

/** One permission in the words of rbac/v1 PolicyRule. `*` stands for all. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly groups?: readonly string[];
  /** `pods`, `pods/status`, `*`. */
  readonly resources?: readonly string[];
  readonly names?: readonly string[];
  readonly paths?: readonly string[];
}

export interface PolicyBinding {
  readonly subjects: readonly { readonly kind: "user" | "group"; readonly name: string }[];
  /** Only there; absent: everywhere. */
  readonly namespace?: string;
  readonly rules: readonly PolicyRule[];
}

const readOnly = ["get", "list", "watch"];
const everything: PolicyRule[] = [
  { verbs: ["*"], groups: ["*"], resources: ["*"] },
  { verbs: ["*"], paths: ["*"] },
];
const writeEvents: PolicyRule = { verbs: ["create", "patch", "update"], groups: ["", "events.k8s.io"], resources: ["events"] };
const leaderElection = (name: string): PolicyBinding["rules"] => [
  { verbs: ["create"], groups: ["coordination.k8s.io"], resources: ["leases"] },
  { verbs: ["get", "update", "patch"], groups: ["coordination.k8s.io"], resources: ["leases"], names: [name] },
];

/** What the cluster's own components may do: least privilege each, as upstream's bootstrap policy has it for them. */
export const bootstrapPolicy: readonly PolicyBinding[] = [
  { subjects: [{ kind: "group", name: "system:masters" }], rules: everything },
  {
    subjects: [
      { kind: "group", name: "system:authenticated" },
      { kind: "group", name: "system:unauthenticated" },
    ],
    rules: [{ verbs: ["get"], paths: ["/healthz", "/livez", "/readyz", "/version", "/version/"] }],
  },
  {
    subjects: [{ kind: "group", name: "system:authenticated" }],
    rules: [
      {
        verbs: ["get"],
        paths: [
          "/healthz",
          "/livez",
          "/readyz",
          "/version",
          "/version/",
          "/api",
          "/api/*",
          "/apis",
          "/apis/*",
          "/openapi",
          "/openapi/*",
        ],
      },
      { verbs: ["create"], groups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"] },
      {
        verbs: ["create"],
        groups: ["authorization.k8s.io"],
        resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
      },
    ],
  },
  {
    subjects: [{ kind: "group", name: "system:serviceaccounts" }],
    rules: [
      {
        verbs: ["get"],
        paths: ["/.well-known/openid-configuration", "/.well-known/openid-configuration/", "/openid/v1/jwks", "/openid/v1/jwks/"],
      },
    ],
  },
  {
    subjects: [{ kind: "user", name: "system:kube-scheduler" }],
    rules: [
      { verbs: readOnly, groups: [""], resources: ["nodes", "pods", "namespaces", "services"] },
      { verbs: readOnly, groups: ["apps"], resources: ["replicasets"] },
      { verbs: ["delete"], groups: [""], resources: ["pods"] },
      { verbs: ["create"], groups: [""], resources: ["pods/binding", "bindings"] },
      { verbs: ["patch", "update"], groups: [""], resources: ["pods/status"] },
      writeEvents,
    ],
  },
  {
    subjects: [{ kind: "user", name: "system:kube-scheduler" }],
    namespace: "kube-system",
    rules: leaderElection("kube-scheduler"),
  },
  {
    subjects: [{ kind: "user", name: "system:kube-controller-manager" }],
    rules: [
      // Namespace deletion and garbage collection look at, and remove, whatever there is.
      { verbs: [...readOnly, "patch", "update", "delete", "deletecollection"], groups: ["*"], resources: ["*"] },
      { verbs: ["create"], groups: [""], resources: ["pods", "serviceaccounts", "configmaps"] },
      { verbs: ["create"], groups: ["apps"], resources: ["replicasets"] },
      writeEvents,
    ],
  },
  {
    subjects: [{ kind: "user", name: "system:kube-controller-manager" }],
    namespace: "kube-system",
    rules: leaderElection("kube-controller-manager"),
  },
];

export function policyAuthorizer(bindings: readonly PolicyBinding[]): Authorizer {
  const rulesOf = (user: UserInfo, namespace: string | undefined): PolicyRule[] =>
    bindings
      .filter((binding) => bindsTo(binding, user) && (binding.namespace === undefined || binding.namespace === namespace))
      .flatMap(({ rules }) => rules);
  return {
    authorize: async (attributes) => ({
      decision: bindings.some((binding) => grants(binding, attributes)) ? "allow" : "noOpinion",
    }),
    authorizePath: async (user, verb, path) => ({
      decision: rulesOf(user, undefined).some((rule) => has(rule.verbs, verb) && allowsPath(rule.paths ?? [], path))
        ? "allow"
        : "noOpinion",
    }),
    rulesFor: (user, namespace) => {
      const rules = rulesOf(user, namespace);
      return {
        resourceRules: rules.flatMap(({ verbs, groups, resources, names }) =>
          resources === undefined ? [] : [{ verbs, apiGroups: groups ?? [], resources, ...(names && { resourceNames: names }) }],
        ),
        nonResourceRules: rules.flatMap(({ verbs, paths }) => (paths === undefined ? [] : [{ verbs, nonResourceURLs: paths }])),
        incomplete: false,
      };
    },
  };
}

function grants(binding: PolicyBinding, attributes: Attributes): boolean {
  if (binding.namespace !== undefined && binding.namespace !== attributes.namespace) return false;
  return bindsTo(binding, attributes.user) && binding.rules.some((rule) => allows(rule, attributes));
}

function bindsTo(binding: PolicyBinding, user: UserInfo): boolean {
  return binding.subjects.some(({ kind, name }) => (kind === "user" ? user.name === name : user.groups.includes(name)));
}

function allows(rule: PolicyRule, { verb, group, resource, subresource, name }: Attributes): boolean {
  const wanted = subresource === undefined ? resource : `${resource}/${subresource}`;
  const named = rule.names === undefined || (name !== undefined && rule.names.includes(name));
  return has(rule.verbs, verb) && has(rule.groups ?? [], group) && has(rule.resources ?? [], wanted) && named;
}

function allowsPath(paths: readonly string[], path: string): boolean {
  return paths.some((pattern) => pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.slice(0, -1))));
}

function has(list: readonly string[], wanted: string): boolean {
  return list.includes("*") || list.includes(wanted);
}

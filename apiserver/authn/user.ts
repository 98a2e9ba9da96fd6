import { dnsLabelErrors, subdomainErrors } from "#api/label-validation";
/** Who sends a request, once believed. */
export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
  /** Tells apart those who have the same name one after the other. */
  readonly uid?: string;
  /** What else is known of the user, by who says so, e.g. the pod that a token was given to. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymous: UserInfo = { name: "system:anonymous", groups: ["system:unauthenticated"] };
export const authenticatedGroup = "system:authenticated";

/** Of the extra of users: by which certificate or token they were believed. */
export const credentialIdKey = "authentication.kubernetes.io/credential-id";

const accountUserPrefix = "system:serviceaccount:";

/** Those that every service account of a namespace is in. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
}

/** The service account that goes by this user name. */
export function serviceAccountNamed(user: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!user.startsWith(accountUserPrefix)) return undefined;
  const [namespace = "", name = "", ...rest] = user.slice(accountUserPrefix.length).split(":");
  const isOne = rest.length === 0 && dnsLabelErrors(namespace).length === 0 && subdomainErrors(name).length === 0;
  return isOne ? { namespace, name } : undefined;
}

const nodeUserPrefix = "system:node:";
const nodeGroup = "system:nodes";

/** The node whose agent this user is. */
export function nodeOf(user: UserInfo): string | undefined {
  return user.groups.includes(nodeGroup) && user.name.startsWith(nodeUserPrefix)
    ? user.name.slice(nodeUserPrefix.length)
    : undefined;
}

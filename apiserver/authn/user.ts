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

const nodeUserPrefix = "system:node:";
const nodeGroup = "system:nodes";

/** The node whose agent this user is. */
export function nodeOf(user: UserInfo): string | undefined {
  return user.groups.includes(nodeGroup) && user.name.startsWith(nodeUserPrefix)
    ? user.name.slice(nodeUserPrefix.length)
    : undefined;
}

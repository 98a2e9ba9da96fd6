/** Who sends a request, once believed. */
export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
}

export const anonymous: UserInfo = { name: "system:anonymous", groups: ["system:unauthenticated"] };
export const authenticatedGroup = "system:authenticated";

const nodeUserPrefix = "system:node:";
const nodeGroup = "system:nodes";

/** The node whose agent this user is. */
export function nodeOf(user: UserInfo): string | undefined {
  return user.groups.includes(nodeGroup) && user.name.startsWith(nodeUserPrefix)
    ? user.name.slice(nodeUserPrefix.length)
    : undefined;
}

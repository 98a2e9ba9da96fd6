/** Who sends a request, once believed. */
export interface UserInfo {
  readonly name: string;
  readonly groups: readonly string[];
}

export const anonymous: UserInfo = { name: "system:anonymous", groups: ["system:unauthenticated"] };
export const authenticatedGroup = "system:authenticated";

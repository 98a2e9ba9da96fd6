import type { Credentials } from "#api/request";
import { StatusError } from "#api/status";
import { anonymous, authenticatedGroup, type UserInfo } from "./user.ts";

/** Knows some bearer tokens. @returns undefined for a token it has never heard of. */
export type TokenAuthenticator = (token: string) => Promise<UserInfo | undefined>;

/**
 * Turns credentials into a user. Without credentials it is `system:anonymous`, for the authorizer to refuse; bad ones are never
 * taken for none. @throws StatusError Unauthorized
 */
export async function authenticate(credentials: Credentials, tokens: readonly TokenAuthenticator[]): Promise<UserInfo> {
  switch (credentials.kind) {
    case "anonymous":
      return anonymous;
    case "rejected":
      throw unauthorized();
    case "certificate":
      return withAuthenticated({ name: credentials.commonName, groups: credentials.organizations });
    case "inProcess":
      return withAuthenticated({ name: credentials.user, groups: credentials.groups });
    case "bearer": {
      for (const authenticator of tokens) {
        const user = await authenticator(credentials.token);
        if (user !== undefined) return withAuthenticated(user);
      }
      throw unauthorized();
    }
  }
}

function unauthorized(): StatusError {
  return new StatusError("Unauthorized", "Unauthorized");
}

function withAuthenticated(user: UserInfo): UserInfo {
  return user.groups.includes(authenticatedGroup) ? user : { ...user, groups: [...user.groups, authenticatedGroup] };
}

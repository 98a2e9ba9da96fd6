import type { Credentials } from "#api/request";
import { StatusError } from "#api/status";
import { anonymous, authenticatedGroup, credentialIdKey, type UserInfo } from "./user.ts";

/**
 * Knows some bearer tokens. `audiences` are whom the token must be meant for, one of them at least.
 *
 * @returns undefined for a token it has never heard of, which leaves the question to the next.
 */
export type TokenAuthenticator = (token: string, audiences: readonly string[]) => Promise<TokenAnswer | undefined>;

export type TokenAnswer =
  | {
      readonly user: UserInfo;
      /** Those asked for that it is good for. Absent: all, as the token names none. */
      readonly audiences?: readonly string[];
    }
  /** The token is ours and not, or not any more, good for anything. */
  | { readonly refusal: string };

export interface TokenVerdict {
  readonly user?: UserInfo;
  readonly audiences: readonly string[];
  /** Absent with a user. */
  readonly refusal?: string;
}

/** Asks each in turn until one knows the token. */
export async function authenticateToken(
  token: string,
  audiences: readonly string[],
  authenticators: readonly TokenAuthenticator[],
): Promise<TokenVerdict> {
  for (const authenticator of authenticators) {
    const answer = await authenticator(token, audiences);
    if (answer === undefined) continue;
    if ("refusal" in answer) return { audiences: [], refusal: `[invalid bearer token, ${answer.refusal}]` };
    return { user: withAuthenticated(answer.user), audiences: answer.audiences ?? audiences };
  }
  return { audiences: [], refusal: "invalid bearer token" };
}

export interface AuthenticationOptions {
  readonly tokens: readonly TokenAuthenticator[];
  /** Whom tokens for this API server are meant for. */
  readonly audiences: readonly string[];
}

/**
 * Turns credentials into a user. Without credentials it is `system:anonymous`, for the authorizer to refuse; bad ones are never
 * taken for none. @throws StatusError Unauthorized
 */
export async function authenticate(credentials: Credentials, options: AuthenticationOptions): Promise<UserInfo> {
  switch (credentials.kind) {
    case "anonymous":
      return anonymous;
    case "rejected":
      throw unauthorized();
    case "certificate": {
      const known = ofCertificate.get(credentials);
      if (known !== undefined) return known;
      const { commonName, organizations, sha256 } = credentials;
      const extra = sha256 === undefined ? {} : { extra: { [credentialIdKey]: [`X509SHA256=${sha256}`] } };
      const user = withAuthenticated({ name: commonName, groups: organizations, ...extra });
      ofCertificate.set(credentials, user);
      return user;
    }
    case "inProcess":
      return withAuthenticated({ name: credentials.user, groups: credentials.groups });
    case "bearer": {
      const { user } = await authenticateToken(credentials.token, options.audiences, options.tokens);
      if (user === undefined) throw unauthorized();
      return user;
    }
  }
}

/** A certificate says the same for as long as its connection lasts. */
const ofCertificate = new WeakMap<Credentials, UserInfo>();

function unauthorized(): StatusError {
  return new StatusError("Unauthorized", "Unauthorized");
}

function withAuthenticated(user: UserInfo): UserInfo {
  return user.groups.includes(authenticatedGroup) ? user : { ...user, groups: [...user.groups, authenticatedGroup] };
}

import type { TokenGrant } from "../registry/token-request.ts";

/** What a service account's token says (upstream: pkg/serviceaccount/claims.go). Times are seconds since 1970. */
export interface ServiceAccountClaims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly iss: string;
  readonly jti: string;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly node?: Named;
    readonly pod?: Named;
    readonly secret?: Named;
    readonly serviceaccount: Named;
    /** From then on its holder should have fetched a new one. */
    readonly warnafter?: number;
  };
  readonly nbf: number;
  readonly sub: string;
}

interface Named {
  readonly name: string;
  readonly uid?: string;
}

/** What agents ask for on behalf of pods; such a token outlives that by far, for programs that read it only once. */
const extendedSeconds = 3607;
const extensionSeconds = 365 * 24 * 3600;

/** `now` in milliseconds. */
export function claimsOf(
  { account, pod, secret, node, expirationSeconds, audiences }: TokenGrant,
  issuer: { readonly name: string; readonly audiences: readonly string[] },
  now: number,
  id: string,
): ServiceAccountClaims {
  const seconds = Math.floor(now / 1000);
  const { namespace = "", name } = account.metadata;
  const isForApi = audiences.every((audience) => issuer.audiences.includes(audience));
  const isExtended = pod !== undefined && expirationSeconds === extendedSeconds && isForApi;
  return {
    aud: audiences,
    exp: seconds + (isExtended ? extensionSeconds : expirationSeconds),
    iat: seconds,
    iss: issuer.name,
    jti: id,
    "kubernetes.io": {
      namespace,
      ...(node !== undefined && { node: namedOf(node) }),
      ...(pod !== undefined && { pod: namedOf(pod) }),
      ...(secret !== undefined && { secret: namedOf(secret) }),
      serviceaccount: namedOf(account),
      ...(isExtended && { warnafter: seconds + expirationSeconds }),
    },
    nbf: seconds,
    sub: `system:serviceaccount:${namespace}:${name}`,
  };
}

function namedOf({ metadata: { name, uid } }: { metadata: { readonly name: string; readonly uid?: string } }): Named {
  return { name, ...(uid !== undefined && { uid }) };
}

/** Whatever another holder of the key signed is not a token of an account for that. */
export function isServiceAccountClaims(value: unknown): value is ServiceAccountClaims {
  if (!isRecord(value)) return false;
  const own = value["kubernetes.io"];
  const hasTimes = [value["exp"], value["iat"], value["nbf"]].every((time) => typeof time === "number");
  if (!hasTimes || !Array.isArray(value["aud"]) || typeof value["jti"] !== "string" || !isRecord(own)) return false;
  return typeof own["namespace"] === "string" && isRecord(own["serviceaccount"]);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

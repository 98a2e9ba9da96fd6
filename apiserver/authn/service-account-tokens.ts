import { createHash } from "node:crypto";
import type { KubeObject, ObjectKey, Stored } from "#api/object";
import { nodes, pods, secrets, serviceAccounts, type ResourceType } from "#api/resource-type";
import type { Clock } from "#base/clock";
import type { Random } from "#base/random";
import type { Reader } from "../registry/reader.ts";
import type { TokenIssuer } from "../registry/token-request.ts";
import type { TokenAnswer, TokenAuthenticator } from "./authenticate.ts";
import { claimsOf, isServiceAccountClaims, type ServiceAccountClaims } from "./service-account-claims.ts";
import type { TokenKeys } from "./token-keys.ts";
import { credentialIdKey, serviceAccountGroups, type UserInfo } from "./user.ts";

export interface ServiceAccountTokensOptions {
  readonly keys: TokenKeys;
  /** The `iss` of tokens: those of others are none of ours. */
  readonly issuer: string;
  /** Whom a token is meant for when nobody says. */
  readonly audiences: readonly string[];
  readonly reader: Reader;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ServiceAccountTokens extends TokenIssuer {
  readonly authenticate: TokenAuthenticator;
}

/** Clocks may differ by that much, and what was deleted within it still counts (upstream: jwt.DefaultLeeway). */
const leewaySeconds = 60;

/** Signatures, once verified, stay good: so many are remembered. */
const mostRemembered = 4096;

/**
 * Issues tokens for service accounts and believes them. A signature is verified once and remembered; everything that may change,
 * such as whether account and pod still exist, is looked at each time.
 */
export function serviceAccountTokens(options: ServiceAccountTokensOptions): ServiceAccountTokens {
  const { keys, issuer, audiences, clock, random, reader } = options;
  const verified = new Map<string, ServiceAccountClaims>();
  const claimsIn = async (token: string): Promise<ServiceAccountClaims | undefined> => {
    const id = createHash("sha256").update(token).digest("base64");
    const known = verified.get(id);
    if (known !== undefined) return known;
    const claims = await keys.verify(token);
    if (!isServiceAccountClaims(claims)) return undefined;
    if (verified.size >= mostRemembered) verified.delete(verified.keys().next().value ?? "");
    verified.set(id, claims);
    return claims;
  };
  return {
    audiences,
    issue: async (grant) => keys.sign(claimsOf(grant, { name: issuer, audiences }, clock.now(), random.uuid())),
    authenticate: async (token, wanted) => {
      if (issuerIn(token) !== issuer) return undefined;
      const claims = await claimsIn(token);
      if (claims === undefined) return { refusal: "the signature of the token cannot be verified" };
      return judge(claims, wanted, reader, clock.now());
    },
  };
}

async function judge(claims: ServiceAccountClaims, wanted: readonly string[], reader: Reader, now: number): Promise<TokenAnswer> {
  const audiences = wanted.filter((audience) => claims.aud.includes(audience));
  if (audiences.length === 0)
    return { refusal: `token audiences ${quoted(claims.aud)} is invalid for the target audiences ${quoted(wanted)}` };
  if (claims.exp + leewaySeconds < now / 1000) return { refusal: "service account token has expired" };
  if (claims.nbf - leewaySeconds > now / 1000) return { refusal: "service account token is not valid yet" };
  const refusal = await missing(claims["kubernetes.io"], reader, now);
  return refusal === undefined ? { user: userOf(claims), audiences } : { refusal };
}

/** What of the objects that the token speaks of is not there, or another one of the same name. */
async function missing(
  { namespace, serviceaccount, secret, pod, node }: ServiceAccountClaims["kubernetes.io"],
  reader: Reader,
  now: number,
): Promise<string | undefined> {
  const find = async (type: ResourceType, key: ObjectKey, uid: string | undefined): Promise<Stored<KubeObject> | undefined> => {
    const isIt = (object: Stored<KubeObject> | undefined): boolean =>
      object?.metadata.uid === uid && object?.metadata.deletionTimestamp === undefined;
    const cached = reader.get(type, key);
    // The cache's word is enough to believe and not to refuse.
    return isIt(cached) ? cached : reader.getLive(type, key);
  };
  const isGone = (object: Stored<KubeObject>): boolean => {
    const { deletionTimestamp } = object.metadata;
    return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) < now - leewaySeconds * 1000;
  };
  const account = await find(serviceAccounts, { namespace, name: serviceaccount.name }, serviceaccount.uid);
  if (account === undefined) return `serviceaccounts "${serviceaccount.name}" not found`;
  if (isGone(account)) return `service account ${namespace}/${serviceaccount.name} has been deleted`;
  if (account.metadata.uid !== serviceaccount.uid) return uidText("service account", account, serviceaccount.uid);
  const invalidated = "service account token has been invalidated";
  if (secret !== undefined) {
    const found = await find(secrets, { namespace, name: secret.name }, secret.uid);
    if (found === undefined || isGone(found)) return invalidated;
    if (found.metadata.uid !== secret.uid) return uidText("secret", found, secret.uid);
  }
  if (pod !== undefined) {
    const found = await find(pods, { namespace, name: pod.name }, pod.uid);
    if (found === undefined || isGone(found)) return invalidated;
    if (found.metadata.uid !== pod.uid) return uidText("pod", found, pod.uid);
  }
  // Of a pod's token the node is something that is known about it, not what it is bound to.
  if (node !== undefined && pod === undefined) {
    const found = await find(nodes, { namespace: "", name: node.name }, node.uid);
    if (found === undefined) return invalidated;
    if (found.metadata.uid !== node.uid) return uidText("node", found, node.uid);
  }
  return undefined;
}

function uidText(what: string, found: Stored<KubeObject>, claimed: string | undefined): string {
  const claim = what === "service account" ? "claim" : `service account ${what} ref claim`;
  return `${what} UID (${found.metadata.uid}) does not match ${claim} (${claimed ?? ""})`;
}

function userOf({ jti, sub, "kubernetes.io": { namespace, serviceaccount, pod, node } }: ServiceAccountClaims): UserInfo {
  const said = {
    [credentialIdKey]: `JTI=${jti}`,
    "authentication.kubernetes.io/node-name": node?.name,
    "authentication.kubernetes.io/node-uid": node?.uid,
    "authentication.kubernetes.io/pod-name": pod?.name,
    "authentication.kubernetes.io/pod-uid": pod?.uid,
  };
  const extra = Object.fromEntries(
    Object.entries(said).flatMap(([key, value]) => (value === undefined || value === "" ? [] : [[key, [value]]])),
  );
  return {
    name: sub,
    groups: serviceAccountGroups(namespace),
    ...(serviceaccount.uid !== undefined && { uid: serviceaccount.uid }),
    extra,
  };
}

/** Whose token it claims to be; nothing is believed yet. */
function issuerIn(token: string): string | undefined {
  const [, payload] = token.split(".");
  if (payload === undefined) return undefined;
  try {
    const { iss } = JSON.parse(Buffer.from(payload, "base64url").toString()) as { iss?: unknown };
    return typeof iss === "string" ? iss : undefined;
  } catch {
    return undefined;
  }
}

/** As Go prints a list of strings with %q. */
function quoted(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;
}

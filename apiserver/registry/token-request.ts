import { invalidValue, type FieldError } from "#api/field-error";
import type { BoundObjectReference, Node, Pod, Secret, ServiceAccount, TokenRequest } from "#api/generated/types";
import type { KubeObject, Stored } from "#api/object";
import { nodes, pods, secrets, serviceAccounts, type ResourceType } from "#api/resource-type";
import { conflict, invalid, notFound, StatusError } from "#api/status";
import { timestamp } from "#base/clock";
import type { DocumentType } from "./read-body.ts";
import type { Reader } from "./reader.ts";
import type { Subresource } from "./subresource.ts";

/** What a token is to say: who may use it, on behalf of what, where, and how long. */
export interface TokenGrant extends BoundObjects {
  readonly account: Stored<ServiceAccount>;
  readonly expirationSeconds: number;
  readonly audiences: readonly string[];
}

/** What a token ends with. `node` may be one that is only known by name. */
export interface BoundObjects {
  readonly pod?: Stored<Pod>;
  readonly secret?: Stored<Secret>;
  readonly node?: { readonly metadata: { readonly name: string; readonly uid?: string } };
}

export interface TokenIssuer {
  /** Whom a token is meant for when nobody says. */
  readonly audiences: readonly string[];
  issue(grant: TokenGrant): Promise<string>;
}

const group = "authentication.k8s.io";
const document: DocumentType = {
  apiVersion: `${group}/v1`,
  kind: "TokenRequest",
  schema: "io.k8s.api.authentication.v1.TokenRequest",
};

const defaultSeconds = 3600;
const leastSeconds = 600;
const mostSeconds = 2 ** 32;

/** `serviceaccounts/token`: a token for an account, for a while (upstream: pkg/registry/core/serviceaccount/storage/token.go). */
export const tokenSubresource: Subresource = {
  name: "token",
  document,
  verbs: {
    create: async ({ key, context, dependencies, body, answer }) => {
      const { reader, tokens, admission, clock } = dependencies;
      const asked = body(document) as TokenRequest;
      checkPlace(asked, key.namespace, key.name);
      const account = reader.get(serviceAccounts, key) ?? (await reader.getLive(serviceAccounts, key));
      if (account === undefined) throw notFound(serviceAccounts, key.name);
      const now = clock.now();
      const request = completed(asked, account, tokens.audiences, now);
      const { audiences = [], expirationSeconds = defaultSeconds, boundObjectRef } = request.spec ?? {};
      const causes = validateSeconds(expirationSeconds);
      if (causes.length > 0) throw invalid({ group, kind: document.kind }, "", causes);
      await admission.validate({
        operation: "create",
        type: serviceAccounts,
        subresource: "token",
        ...key,
        object: request,
        user: context.user,
        dryRun: context.dryRun,
        signal: context.signal,
        warn: (text) => context.warn(text),
      });
      const bound = boundObjectRef === undefined ? {} : await boundObjects(boundObjectRef, account, reader);
      const token = await tokens.issue({ account, ...bound, expirationSeconds, audiences });
      const status = { token, expirationTimestamp: timestamp(now + expirationSeconds * 1000) };
      return answer({ ...request, status } as KubeObject, 201);
    },
  },
};

/** @throws StatusError Invalid */
function checkPlace({ metadata }: TokenRequest, namespace: string, name: string): void {
  const causes: FieldError[] = [];
  if (metadata.name !== undefined && metadata.name !== "" && metadata.name !== name)
    causes.push(invalidValue("metadata.name", metadata.name, "must match the service account name if specified"));
  else if (metadata.namespace !== undefined && metadata.namespace !== "" && metadata.namespace !== namespace)
    causes.push(invalidValue("metadata.namespace", metadata.namespace, "must match the service account namespace if specified"));
  if (causes.length > 0) throw invalid({ group, kind: document.kind }, name, causes);
}

function completed(
  { status: _, ...asked }: TokenRequest,
  { metadata: { name, namespace = "" } }: Stored<ServiceAccount>,
  apiAudiences: readonly string[],
  now: number,
): TokenRequest {
  const { audiences = [], expirationSeconds = defaultSeconds, ...spec } = asked.spec ?? {};
  return {
    ...asked,
    metadata: { ...asked.metadata, name, namespace, creationTimestamp: timestamp(now) },
    spec: { ...spec, audiences: audiences.length === 0 ? apiAudiences : audiences, expirationSeconds },
  };
}

function validateSeconds(seconds: number): FieldError[] {
  const at = "spec.expirationSeconds";
  if (seconds < leastSeconds) return [invalidValue(at, seconds, "may not specify a duration less than 10 minutes")];
  if (seconds > mostSeconds) return [invalidValue(at, seconds, "may not specify a duration larger than 2^32 seconds")];
  return [];
}

/** @throws StatusError NotFound, BadRequest, Conflict when there is another one of that name. */
async function boundObjects(
  { apiVersion = "", kind = "", name = "", uid }: BoundObjectReference,
  account: Stored<ServiceAccount>,
  reader: Reader,
): Promise<BoundObjects> {
  const { namespace = "" } = account.metadata;
  const find = async <T extends KubeObject>(type: ResourceType<T>): Promise<Stored<T>> => {
    const found = await reader.getLive(type, { namespace: type.namespaced ? namespace : "", name });
    if (found === undefined) throw notFound(type, name);
    return found;
  };
  const checked = <T extends KubeObject>(found: Stored<T>): Stored<T> => {
    if (uid === undefined || uid === "" || uid === found.metadata.uid) return found;
    throw conflict({ group: "", resource: kind }, name, otherUid(uid));
  };
  const [version = "", inGroup = ""] = apiVersion.split("/").reverse();
  switch (inGroup === "" ? kind : "") {
    case "Pod": {
      const pod = await find(pods);
      if (pod.spec?.serviceAccountName !== account.metadata.name) {
        const quoted = JSON.stringify(account.metadata.name);
        const message = `cannot bind token for serviceaccount ${quoted} to pod running with different serviceaccount name.`;
        throw new StatusError("BadRequest", message);
      }
      return { pod: checked(pod), ...nodeOfPod(pod, reader) };
    }
    case "Secret":
      return { secret: checked(await find(secrets)) };
    case "Node":
      return { node: checked(await find(nodes)) };
    default:
      throw new StatusError("BadRequest", `cannot bind token to object of type ${inGroup}/${version}, Kind=${kind}`);
  }
}

export function otherUid(uid: string): string {
  return `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
}

/** Told in the token although it does not depend on it; where the node is gone its name is. */
function nodeOfPod({ spec }: Pod, reader: Reader): Pick<BoundObjects, "node"> {
  const name = spec?.nodeName ?? "";
  if (name === "") return {};
  const known: Stored<Node> | undefined = reader.get(nodes, { namespace: "", name });
  return { node: known ?? { metadata: { name } } };
}

import type { SubjectRulesReviewStatus } from "#api/generated/types";
import { StatusError } from "#api/status";
import type { UserInfo } from "../authn/user.ts";

/** What somebody wants to do, in the words of RBAC. */
export interface Attributes {
  readonly user: UserInfo;
  /** RBAC's verbs: get, list, watch, create, update, patch, delete, deletecollection. */
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** Of a list, watch or deletecollection: as the client sent it. */
  readonly fieldSelector?: string | undefined;
}

/** One that has no opinion leaves the question to the next; nobody allowing is a refusal. */
export type Decision = "allow" | "deny" | "noOpinion";

export interface Authorizer {
  authorize(attributes: Attributes): Promise<{ decision: Decision; reason?: string }>;
  /** Paths outside the API, e.g. `/metrics`. */
  authorizePath(user: UserInfo, verb: string, path: string): Promise<{ decision: Decision; reason?: string }>;
  /** All that it would allow the user in a namespace and outside of all, as far as it can be listed. */
  rulesFor(user: UserInfo, namespace: string): SubjectRulesReviewStatus;
}

/** Asks each in turn until one has an opinion. */
export function union(authorizers: readonly Authorizer[]): Authorizer {
  const ask = async (
    question: (authorizer: Authorizer) => ReturnType<Authorizer["authorize"]>,
  ): ReturnType<Authorizer["authorize"]> => {
    const reasons: string[] = [];
    for (const authorizer of authorizers) {
      const answer = await question(authorizer);
      if (answer.decision !== "noOpinion") return answer;
      if (answer.reason !== undefined) reasons.push(answer.reason);
    }
    return { decision: "noOpinion", ...(reasons.length > 0 && { reason: reasons.join(", ") }) };
  };
  return {
    authorize: (attributes) => ask((authorizer) => authorizer.authorize(attributes)),
    authorizePath: (user, verb, path) => ask((authorizer) => authorizer.authorizePath(user, verb, path)),
    rulesFor: (user, namespace) => {
      const each = authorizers.map((authorizer) => authorizer.rulesFor(user, namespace));
      const errors = each.flatMap(({ evaluationError }) => evaluationError ?? []);
      return {
        resourceRules: each.flatMap(({ resourceRules }) => resourceRules),
        nonResourceRules: each.flatMap(({ nonResourceRules }) => nonResourceRules),
        incomplete: each.some(({ incomplete }) => incomplete),
        ...(errors.length > 0 && { evaluationError: errors.join(", ") }),
      };
    },
  };
}

/** A refusal as upstream words it. */
export function forbiddenError(attributes: Attributes, reason: string | undefined): StatusError {
  const { user, verb, group, namespace, name } = attributes;
  const resource =
    attributes.subresource === undefined ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
  const qualified = group === "" ? attributes.resource : `${attributes.resource}.${group}`;
  const subject = name === undefined || name === "" ? qualified : `${qualified} ${JSON.stringify(name)}`;
  const where =
    namespace === undefined || namespace === "" ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;
  const what = `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}`;
  const message = `${subject} is forbidden: ${what}${reason === undefined || reason === "" ? "" : `: ${reason}`}`;
  const details = {
    ...(name !== undefined && name !== "" && { name }),
    ...(group !== "" && { group }),
    kind: attributes.resource,
  };
  return new StatusError("Forbidden", message, details);
}

export function forbiddenPathError(user: UserInfo, verb: string, path: string): StatusError {
  return new StatusError(
    "Forbidden",
    `forbidden: User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(path)}`,
    {},
  );
}

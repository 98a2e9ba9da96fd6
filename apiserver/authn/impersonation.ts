import type { Impersonation } from "#api/request";
import { StatusError } from "#api/status";
import { forbiddenError, type Attributes, type Authorizer } from "../authz/authorizer.ts";
import { anonymous, authenticatedGroup, serviceAccountNamed, serviceAccountGroups, type UserInfo } from "./user.ts";

const authenticationGroup = "authentication.k8s.io";
const unauthenticatedGroup = "system:unauthenticated";

/**
 * Lets somebody act as somebody else who may do so: everything that is claimed of the other is asked for, name, uid, groups and
 * extra, and one refusal refuses it all (upstream: endpoints/filters/impersonation, the mode of the verb `impersonate`).
 *
 * @throws StatusError BadRequest, Forbidden
 */
export async function impersonate(
  asker: UserInfo,
  wanted: Impersonation,
  authorizer: Pick<Authorizer, "authorize">,
): Promise<UserInfo> {
  if (wanted.user === "") {
    const said = JSON.stringify({ uid: wanted.uid, groups: wanted.groups, extra: wanted.extra });
    throw new StatusError("BadRequest", `requested ${said} without impersonating a user name`);
  }
  for (const attributes of claimsOf(asker, wanted)) {
    const { decision, reason } = await authorizer.authorize(attributes);
    if (decision !== "allow") throw forbiddenError(attributes, reason);
  }
  return {
    name: wanted.user,
    groups: groupsOf(wanted),
    ...(wanted.uid !== "" && { uid: wanted.uid }),
    ...(Object.keys(wanted.extra).length > 0 && { extra: wanted.extra }),
  };
}

function claimsOf(user: UserInfo, { user: name, uid, groups, extra }: Impersonation): Attributes[] {
  const claim = (group: string, resource: string, claimed: string): Attributes => {
    return { user, verb: "impersonate", group, resource, name: claimed };
  };
  const account = serviceAccountNamed(name);
  return [
    account === undefined
      ? claim("", "users", name)
      : { ...claim("", "serviceaccounts", account.name), namespace: account.namespace },
    ...(uid === "" ? [] : [claim(authenticationGroup, "uids", uid)]),
    ...groups.map((group) => claim("", "groups", group)),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...claim(authenticationGroup, "userextras", value), subresource: key })),
    ),
  ];
}

/** Those of a service account are known when none are named; everybody but the anonymous user is authenticated, unless it is said. */
function groupsOf({ user, groups }: Impersonation): readonly string[] {
  const account = serviceAccountNamed(user);
  const named = groups.length === 0 && account !== undefined ? serviceAccountGroups(account.namespace) : groups;
  if (user === anonymous.name) return named.includes(unauthenticatedGroup) ? named : [...named, unauthenticatedGroup];
  return named.includes(authenticatedGroup) || named.includes(unauthenticatedGroup) ? named : [...named, authenticatedGroup];
}

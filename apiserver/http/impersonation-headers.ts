import type { IncomingMessage } from "node:http";
import type { Impersonation } from "#api/request";

const extraPrefix = "impersonate-extra-";

/**
 * As whom the sender wants to be treated. Undefined when it does not say. Headers without a user are handed on as they are: refusing
 * them is not a question of HTTP.
 */
export function impersonationOf(request: IncomingMessage): Impersonation | undefined {
  if (!speaksOfIt(request)) return undefined;
  const { headersDistinct: headers } = request;
  const user = headers["impersonate-user"]?.[0] ?? "";
  const groups = headers["impersonate-group"] ?? [];
  const uid = headers["impersonate-uid"]?.[0] ?? "";
  const extra: Record<string, readonly string[]> = Object.fromEntries(
    Object.entries(headers).flatMap(([name, values = []]) =>
      name.startsWith(extraPrefix) ? [[unescaped(name.slice(extraPrefix.length)), values]] : [],
    ),
  );
  if (user === "" && uid === "" && groups.length === 0 && Object.keys(extra).length === 0) return undefined;
  return { user, groups, uid, extra };
}

/** Few do, and asking for the headers one by one is dear. */
function speaksOfIt({ rawHeaders }: IncomingMessage): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) if (/^impersonate-/i.test(rawHeaders[at] ?? "")) return true;
  return false;
}

/** Names of headers cannot hold every character: clients write the others as in URLs. One written badly is kept as it is. */
function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

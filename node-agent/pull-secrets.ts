import type { ConfigSource } from "./config-source.ts";
import { secretData } from "./config-source.ts";
import type { RegistryAuth } from "./images/image-service.ts";
import { specOf, type StoredPod } from "./pod-spec.ts";

/** The credentials of the pod's imagePullSecrets. One that is missing or unreadable is passed over, as upstream does. */
export async function pullSecrets(pod: StoredPod, source: ConfigSource): Promise<readonly RegistryAuth[]> {
  const auths: RegistryAuth[] = [];
  for (const { name = "" } of specOf(pod).imagePullSecrets ?? []) {
    const secret = await source.secret(pod.metadata.namespace ?? "", name);
    const data = secret === undefined ? undefined : secretData(secret);
    const modern = data?.get(".dockerconfigjson");
    const legacy = data?.get(".dockercfg");
    if (modern !== undefined) auths.push(...parseAuths((parse(modern) as { auths?: unknown } | undefined)?.auths));
    else if (legacy !== undefined) auths.push(...parseAuths(parse(legacy)));
  }
  return auths;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function parseAuths(auths: unknown): RegistryAuth[] {
  if (typeof auths !== "object" || auths === null) return [];
  return Object.entries(auths as Record<string, { auth?: string; username?: string; password?: string }>).flatMap(
    ([server, given]) => {
      const registry = server.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");
      const decoded = given.auth === undefined ? "" : Buffer.from(given.auth, "base64").toString();
      const colon = decoded.indexOf(":");
      const username = given.username ?? decoded.slice(0, Math.max(colon, 0));
      const password = given.password ?? decoded.slice(colon + 1);
      return username === "" ? [] : [{ registry, username, password }];
    },
  );
}

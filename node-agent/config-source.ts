import type { ConfigMap, Secret } from "#api/generated/types";
import type { Stored } from "#api/object";
import { configMaps, secrets } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { Clock } from "#base/clock";
import type { ApiReader } from "#client/api-client";

/** The ConfigMaps and Secrets that pods name. */
export interface ConfigSource {
  configMap(namespace: string, name: string): Promise<Stored<ConfigMap> | undefined>;
  secret(namespace: string, name: string): Promise<Stored<Secret> | undefined>;
}

/** What was read stays good that long: the containers of one pod ask for the same things. */
const freshMs = 1000;

/** Reads from the API server when asked; undefined where there is none. */
export function configSource({ client, clock }: { client: ApiReader; clock: Clock }): ConfigSource {
  const read = <T>(get: (namespace: string, name: string) => Promise<T>) => {
    const recent = new Map<string, { readonly at: number; readonly value: Promise<T | undefined> }>();
    return (namespace: string, name: string): Promise<T | undefined> => {
      const now = clock.monotonic();
      for (const [key, { at }] of recent) if (now - at >= freshMs) recent.delete(key);
      const key = `${namespace}/${name}`;
      const known = recent.get(key);
      if (known !== undefined) return known.value;
      const value = get(namespace, name).catch((error: unknown) => {
        recent.delete(key);
        if (hasReason(error, "NotFound")) return undefined;
        throw error;
      });
      recent.set(key, { at: now, value });
      return value;
    };
  };
  return {
    configMap: read((namespace, name) => client.get(configMaps, { namespace, name })),
    secret: read((namespace, name) => client.get(secrets, { namespace, name })),
  };
}

/** The content of a key of a ConfigMap. */
export function configMapData({ data = {}, binaryData = {} }: ConfigMap): Map<string, Buffer> {
  const text = Object.entries(data).map(([key, value]) => [key, Buffer.from(value)] as const);
  const binary = Object.entries(binaryData).map(([key, value]) => [key, Buffer.from(value, "base64")] as const);
  return new Map([...text, ...binary]);
}

export function secretData({ data = {} }: Secret): Map<string, Buffer> {
  return new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64")]));
}

import { systemPriorityClasses } from "#api/kinds/priority-class";
import type { KubeObject } from "#api/object";
import { configMaps, namespaces, priorityClasses, type ResourceType } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiClient } from "#client/api-client";

const systemNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** The namespaces that every cluster has. */
export async function ensureNamespaces(client: ApiClient): Promise<void> {
  await Promise.all(systemNamespaces.map((name) => ensure(client, namespaces, { metadata: { name } })));
}

export async function ensurePriorityClasses(client: ApiClient): Promise<void> {
  await Promise.all(systemPriorityClasses.map((known) => ensure(client, priorityClasses, known)));
}

/** By which servers that extend the API find out whose certificates to believe. `clientCa` is PEM. */
export async function ensureAuthenticationConfig(client: ApiClient, clientCa: string): Promise<void> {
  const key = { namespace: "kube-system", name: "extension-apiserver-authentication" };
  const data = { "client-ca-file": clientCa };
  await ensure(client, configMaps, { metadata: key, data });
  const found = await client.get(configMaps, key);
  if (found.data?.["client-ca-file"] !== clientCa) await client.patch(configMaps, key, { type: "merge", patch: { data } });
}

async function ensure<T extends KubeObject>(client: ApiClient, type: ResourceType<T>, object: T): Promise<void> {
  try {
    await client.create(type, object);
  } catch (error) {
    if (!hasReason(error, "AlreadyExists")) throw error;
  }
}

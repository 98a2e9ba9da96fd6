import type { ApiClient } from "#client/api-client";
import { namespaces } from "#api/resource-type";
import { hasReason } from "#api/status";

/** Every cluster has these before it says that it is ready. */
const bootstrapNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

export async function ensureNamespaces(client: ApiClient): Promise<void> {
  for (const name of bootstrapNamespaces) {
    try {
      await client.create(namespaces, { metadata: { name } });
    } catch (error) {
      if (!hasReason(error, "AlreadyExists")) throw error;
    }
  }
}

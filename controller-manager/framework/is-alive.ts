import { keyOf, type KubeObject, type Stored } from "#api/object";
import type { ResourceType } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { ApiReader } from "#client/api-client";

/** Whether this very object is there and not being deleted, by the server's own word. */
export async function isAlive<T extends KubeObject>(type: ResourceType<T>, object: Stored<T>, live: ApiReader): Promise<boolean> {
  try {
    const { metadata } = await live.get(type, keyOf(object));
    return metadata.uid === object.metadata.uid && metadata.deletionTimestamp === undefined;
  } catch (error) {
    if (hasReason(error, "NotFound")) return false;
    throw error;
  }
}

import type { KubeObject, ObjectKey, Stored } from "#api/object";
import type { ResourceType } from "#api/resource-type";

/**
 * How what runs inside the API server (admission, authorizers) looks at objects: from the watch caches, without a request. It may
 * be a moment behind; `getLive` is not.
 */
export interface Reader {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Stored<T> | undefined;
  getLive<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<Stored<T> | undefined>;
  /** Those whose index entry is `value`, e.g. the pods of a node. */
  byIndex<T extends KubeObject>(type: ResourceType<T>, index: string, value: string): readonly Stored<T>[];
}

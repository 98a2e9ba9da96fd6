import type { ResourceDefinition } from "#api/definition";
import type { KubeObject, ObjectKey, Stored } from "#api/object";
import { apiVersionOf, type ResourceType } from "#api/resource-type";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { Admission } from "../admission/admission.ts";
import type { Storage } from "../storage/storage.ts";
import type { IndexPaths } from "../watch/cache-state.ts";
import { WatchCache } from "../watch/watch-cache.ts";
import type { Reader } from "./reader.ts";
import { ResourceStore } from "./resource-store.ts";
import { keyPrefix, storageKey } from "./storage-keys.ts";

export interface RegistryOptions {
  readonly definitions: readonly ResourceDefinition[];
  /** Of each kind, or one for all. */
  readonly storage: Storage | ((type: ResourceType) => Storage);
  /** Asked on every write. It may read through the registry, so it is made after it. */
  readonly admission: (reader: Reader) => Admission;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** All kinds this server has, each with its store and watch cache. */
export class Registry implements Reader {
  /** For what is written beside the stores, e.g. tokens. */
  readonly admission: Admission;
  readonly #stores = new Map<string, ResourceStore>();

  constructor({ definitions, storage: given, admission, clock, random, log }: RegistryOptions) {
    this.admission = admission(this);
    for (const definition of definitions) {
      const storage = typeof given === "function" ? given(definition.type) : given;
      const prefix = keyPrefix(definition.type);
      const cache = new WatchCache({ storage, prefix, clock, log, indexes: indexesOf(definition) });
      this.#stores.set(
        id(definition.type),
        new ResourceStore({ definition, storage, cache, admission: this.admission, clock, random }),
      );
    }
  }

  /** Resolves when every cache is filled. */
  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.stores().map((store) => store.cache.start(signal)));
  }

  stores(): readonly ResourceStore[] {
    return [...this.#stores.values()];
  }

  find(group: string, version: string, resource: string): ResourceStore | undefined {
    return this.#stores.get(`${group}/${version}/${resource}`);
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Stored<T> | undefined {
    return this.#storeOf(type).cache.getCached(storageKey(type, key))?.object as Stored<T> | undefined;
  }

  async getLive<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): Promise<Stored<T> | undefined> {
    return (await this.#storeOf(type).getLive(key))?.object as Stored<T> | undefined;
  }

  byIndex<T extends KubeObject>(type: ResourceType<T>, index: string, value: string): readonly Stored<T>[] {
    return this.#storeOf(type)
      .cache.byIndex(index, value)
      .map(({ object }) => object as Stored<T>);
  }

  #storeOf(type: ResourceType): ResourceStore {
    const store = this.#stores.get(id(type));
    if (store === undefined) throw new Error(`the registry has no ${id(type)}`);
    return store;
  }
}

function id({ group, version, resource }: ResourceType): string {
  return `${group}/${version}/${resource}`;
}

/** The fields that are looked up often enough to be kept sorted. */
const indexes: Readonly<Record<string, IndexPaths>> = {
  "v1/pods": { nodeName: ["spec", "nodeName"] },
  "scheduling.k8s.io/v1/priorityclasses": { globalDefault: ["globalDefault"] },
};

function indexesOf({ type }: ResourceDefinition): IndexPaths {
  return indexes[`${apiVersionOf(type)}/${type.resource}`] ?? {};
}

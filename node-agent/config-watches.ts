import type { ConfigMap, Secret } from "#api/generated/types";
import type { Stored } from "#api/object";
import { configMaps, type ResourceType, secrets } from "#api/resource-type";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { ApiReader } from "#client/api-client";
import { Informer } from "#client/informer";
import { sharedSignal } from "#client/shared-signal";
import type { ConfigSource } from "./config-source.ts";
import { specOf, type StoredPod } from "./pod-spec.ts";

export interface ConfigWatchesOptions {
  readonly client: ApiReader;
  /** Asked while a watch has not told anything yet. */
  readonly source: ConfigSource;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** What volumes need of it. */
export type FollowedConfig = Pick<ConfigWatches, "follow" | "unfollow">;

type Config = ConfigMap | Secret;

/**
 * One watch for each ConfigMap and Secret that volumes of this node's pods show, shared by all those pods, and ended with the last
 * of them: neither requests nor memory grow with the pods (upstream: pkg/kubelet/util/manager). What is immutable is watched
 * until it is known. A node may watch nothing but single objects that its pods name.
 */
export class ConfigWatches {
  readonly #options: ConfigWatchesOptions;
  readonly #watched = new Map<string, WatchedObject>();
  readonly #references = new Map<string, readonly string[]>();

  constructor(options: ConfigWatchesOptions) {
    this.#options = options;
  }

  /** Calls `changed` whenever what the pod's volumes show is not what was read of it last. @returns where to read it */
  follow(pod: StoredPod, changed: () => void): ConfigSource {
    const { uid, namespace = "" } = pod.metadata;
    if (!this.#references.has(uid)) {
      const wanted = referencedConfig(pod);
      const keys = [
        ...wanted.configMaps.map((name) => this.#add(uid, configMaps, { namespace, name }, changed)),
        ...wanted.secrets.map((name) => this.#add(uid, secrets, { namespace, name }, changed)),
      ];
      this.#references.set(uid, keys);
    }
    const { source } = this.#options;
    const read = <T extends Config>(key: string, live: () => Promise<Stored<T> | undefined>) => {
      const watched = this.#watched.get(key);
      return watched === undefined ? live() : (watched.read(live) as Promise<Stored<T> | undefined>);
    };
    return {
      configMap: (of, name) => read(keyOf(configMaps, { namespace: of, name }), () => source.configMap(of, name)),
      secret: (of, name) => read(keyOf(secrets, { namespace: of, name }), () => source.secret(of, name)),
    };
  }

  unfollow(podUid: string): void {
    for (const key of this.#references.get(podUid) ?? []) {
      const watched = this.#watched.get(key);
      if (watched === undefined) continue;
      watched.followers.delete(podUid);
      if (watched.followers.size > 0) continue;
      watched.stop();
      this.#watched.delete(key);
    }
    this.#references.delete(podUid);
  }

  #add(podUid: string, type: ResourceType<Config>, object: ObjectName, changed: () => void): string {
    const key = keyOf(type, object);
    const watched = this.#watched.get(key) ?? new WatchedObject(this.#options, type, object);
    this.#watched.set(key, watched);
    watched.followers.set(podUid, changed);
    return key;
  }
}

interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

class WatchedObject {
  readonly followers = new Map<string, () => void>();
  readonly #informer: Informer<Config>;
  readonly #name: ObjectName;
  readonly #stop = new AbortController();
  /** The version that was handed out last; empty: that there is none. */
  #shown: string | undefined;
  #immutable: Stored<Config> | undefined;

  constructor(options: ConfigWatchesOptions, type: ResourceType<Config>, object: ObjectName) {
    this.#name = object;
    this.#informer = new Informer({
      ...options,
      type,
      namespace: object.namespace,
      fieldSelector: `metadata.name=${object.name}`,
    });
    this.#informer.changes.subscribe(({ object: { metadata } }) => {
      if (metadata.name === object.name) this.#changed();
    });
    void this.#informer.run(sharedSignal(AbortSignal.any([options.signal, this.#stop.signal])));
  }

  stop(): void {
    this.#stop.abort();
  }

  async read(live: () => Promise<Stored<Config> | undefined>): Promise<Stored<Config> | undefined> {
    if (this.#immutable !== undefined) return this.#immutable;
    const found = this.#informer.hasSynced ? this.#informer.get(this.#name) : await live();
    this.#shown = found?.metadata.resourceVersion ?? "";
    return found;
  }

  #changed(): void {
    const now = this.#informer.get(this.#name);
    if (now?.immutable === true) {
      this.#immutable = now;
      this.stop();
    }
    if ((now?.metadata.resourceVersion ?? "") === this.#shown) return;
    for (const changed of this.followers.values()) changed();
  }
}

function keyOf({ resource }: ResourceType<Config>, { namespace, name }: ObjectName): string {
  return `${resource}/${namespace}/${name}`;
}

/** What the pod's volumes show. What its variables need is read when a container starts and never after. */
export function referencedConfig(pod: StoredPod): {
  readonly configMaps: readonly string[];
  readonly secrets: readonly string[];
} {
  const volumes = specOf(pod).volumes ?? [];
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  const named = (names: readonly (string | undefined)[]) => [...new Set(names.filter((name) => name !== undefined))];
  return {
    configMaps: named([...volumes, ...sources].map(({ configMap }) => configMap?.name)),
    secrets: named([...volumes.map(({ secret }) => secret?.secretName), ...sources.map(({ secret }) => secret?.name)]),
  };
}

import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import { namespaces, replicaSets, services } from "#api/resource-type";
import type { ApiReader } from "#client/api-client";
import { Informer } from "#client/informer";
import { isDeepStrictEqual } from "node:util";
import type { RelatedObjects } from "./snapshot.ts";

export interface RelatedInformersOptions {
  readonly client: ApiReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Follows what decisions depend on besides nodes and pods. */
export class RelatedInformers implements RelatedObjects {
  readonly #namespaces;
  readonly #services;
  readonly #replicaSets;

  constructor(options: RelatedInformersOptions) {
    this.#namespaces = new Informer({ ...options, type: namespaces });
    this.#services = new Informer({ ...options, type: services });
    this.#replicaSets = new Informer({ ...options, type: replicaSets });
  }

  /** Resolves when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all.map((informer) => informer.run(signal)));
  }

  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all.map((informer) => informer.synced(signal)));
  }

  /** Calls back when a namespace is selected by others than before. */
  onNamespaceLabels(changed: () => void): void {
    this.#namespaces.changes.subscribe((change) => {
      const old = change.type === "updated" ? change.old.metadata.labels : {};
      if (!isDeepStrictEqual(old, change.object.metadata.labels)) changed();
    });
  }

  namespaceLabels(name: string) {
    return this.#namespaces.get({ namespace: "", name })?.metadata.labels ?? {};
  }

  services(namespace: string) {
    return this.#services.list(namespace);
  }

  replicaSet(key: Parameters<RelatedObjects["replicaSet"]>[0]) {
    return this.#replicaSets.get(key);
  }

  get #all() {
    return [this.#namespaces, this.#services, this.#replicaSets] as const;
  }
}

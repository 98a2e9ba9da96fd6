import type { EndpointSlice, Service } from "#api/generated/types";
import { keyOf, type KubeObject, type Stored } from "#api/object";
import { endpointSlices, services, type ResourceType } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { Informer } from "#client/informer";
import { kubernetesServiceKey, wantedService, wantedSlice, type ApiServerAddress } from "./kubernetes-service.ts";

export interface KeepKubernetesServiceOptions {
  readonly client: ApiClient;
  readonly address: ApiServerAddress;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Looked at anew at least that often, as upstream does it. */
const intervalMs = 10_000;
const retryMs = 500;

/** Makes Service and EndpointSlice `default/kubernetes` what they should be, from what the server has now. */
export async function ensureKubernetesService({ client, address }: KeepKubernetesServiceOptions): Promise<void> {
  await Promise.all([
    put<Service>(client, services, (known) => wantedService(known, address)),
    put<EndpointSlice>(client, endpointSlices, (known) => wantedSlice(known, address)),
  ]);
}

/** Mends both whenever somebody changes or deletes them, until the signal aborts. */
export async function keepKubernetesService(options: KeepKubernetesServiceOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  const selection = { namespace: kubernetesServiceKey.namespace, fieldSelector: `metadata.name=${kubernetesServiceKey.name}` };
  const service = new Informer<Service>({ ...options, ...selection, type: services });
  const slice = new Informer<EndpointSlice>({ ...options, ...selection, type: endpointSlices });
  let changed = new AbortController();
  const subscriptions = [service.changes.subscribe(() => changed.abort()), slice.changes.subscribe(() => changed.abort())];
  const running = Promise.all([service.run(signal), slice.run(signal)]);
  try {
    while (!signal.aborted) {
      changed = new AbortController();
      let wait = intervalMs;
      try {
        await ensureKubernetesService(options);
      } catch (error) {
        log.warn("the kubernetes Service could not be mended", { error });
        wait = retryMs;
        changed = new AbortController();
      }
      await clock.sleep(wait, AbortSignal.any([signal, changed.signal])).catch(() => undefined);
    }
  } finally {
    for (const subscription of subscriptions) subscription.unsubscribe();
    await running;
  }
}

async function put<T extends KubeObject>(
  client: ApiClient,
  type: ResourceType<T>,
  wanted: (known: Stored<T> | undefined) => T | undefined,
): Promise<void> {
  const known = await client.get(type, kubernetesServiceKey).catch((error: unknown) => {
    if (hasReason(error, "NotFound")) return undefined;
    throw error;
  });
  const next = wanted(known);
  if (next === undefined) return;
  try {
    if (known === undefined) await client.create(type, next);
    else await client.update(type, next);
  } catch (error) {
    // Somebody else was faster: what they wrote is looked at next.
    if (hasReason(error, "AlreadyExists", "Conflict")) return;
    // What cannot become what it should be makes room for it.
    if (known === undefined || !hasReason(error, "Invalid")) throw error;
    await client.delete(type, keyOf(known), { preconditions: { uid: known.metadata.uid } });
    const { resourceVersion: _, uid: __, creationTimestamp: ___, ...metadata } = next.metadata;
    await client.create(type, { ...next, metadata });
  }
}

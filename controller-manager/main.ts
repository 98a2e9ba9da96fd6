import type { Clock } from "#base/clock";
import type { Logger } from "#base/logger";
import type { Random } from "#base/random";
import * as kinds from "#api/resource-type";
import type { ResourceType } from "#api/resource-type";
import type { ApiClient } from "#client/api-client";
import { runAsLeader } from "#client/leader-election";
import { sharedSignal } from "#client/shared-signal";
import { deploymentReconciler } from "./deployment/reconciler.ts";
import type { Reconciler } from "./framework/reconciler.ts";
import { type Pass, runReconciler } from "./framework/runner.ts";
import { SharedInformers } from "./framework/shared-informers.ts";
import { garbageCollectors } from "./garbage-collector/reconcilers.ts";
import { namespaceReconciler } from "./namespace/reconciler.ts";
import { nodeLifecycleReconciler } from "./node-lifecycle/reconciler.ts";
import { podGarbageReconciler } from "./pod-garbage-collector/reconciler.ts";
import { replicaSetReconciler } from "./replicaset/reconciler.ts";
import { rootCaReconciler } from "./root-ca/reconciler.ts";
import { serviceAccountReconciler } from "./service-account/reconciler.ts";
import { taintEvictionReconciler } from "./taint-eviction/reconciler.ts";

export interface ControllerManagerOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** PEM: what pods verify the API server with. */
  readonly rootCa: string;
  readonly signal: AbortSignal;
  /** Absent: there is no other controller manager. */
  readonly leaderElect?: { readonly identity: string };
  /** Every kind that can be owned, or be in a namespace that goes. */
  readonly types?: readonly ResourceType[];
  readonly onPass?: (pass: Pass) => void;
}

/** Resolves when the signal has aborted and every pass has ended. Rejects when leadership is lost. */
export async function runControllerManager(options: ControllerManagerOptions): Promise<void> {
  const { signal, leaderElect } = options;
  if (leaderElect === undefined) {
    await runControllers(options, signal);
    return;
  }
  const lease = { namespace: "kube-system", name: "kube-controller-manager" };
  try {
    await runAsLeader({ ...options, lease, ...leaderElect }, (leading) => runControllers(options, leading), signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function runControllers(options: ControllerManagerOptions, given: AbortSignal): Promise<void> {
  const signal = sharedSignal(given);
  const { clock, rootCa, types = knownTypes } = options;
  const informers = new SharedInformers(options);
  const run = <View>(reconciler: Reconciler<View>) => runReconciler(reconciler, { ...options, informers }, signal);
  const running = [
    run(deploymentReconciler(informers, clock)),
    run(replicaSetReconciler(informers, clock)),
    run(namespaceReconciler(informers, types, clock)),
    run(nodeLifecycleReconciler(informers, clock)),
    run(taintEvictionReconciler(informers, clock)),
    run(podGarbageReconciler(informers, clock)),
    run(serviceAccountReconciler(informers)),
    run(rootCaReconciler(informers, rootCa)),
    // Events are many, own nothing, and expire.
    ...garbageCollectors(
      informers,
      types.filter(({ resource }) => resource !== kinds.events.resource),
    ).map(run),
  ];
  // Everyone listens by now, so that nobody misses what the informers first find.
  await Promise.all([informers.run(signal), ...running]);
}

/** What can be owned, or be in a namespace: all kinds that the API server has of itself. */
export const knownTypes: readonly ResourceType[] = [
  kinds.namespaces,
  kinds.nodes,
  kinds.pods,
  kinds.configMaps,
  kinds.secrets,
  kinds.serviceAccounts,
  kinds.services,
  kinds.events,
  kinds.leases,
  kinds.endpointSlices,
  kinds.priorityClasses,
  kinds.deployments,
  kinds.replicaSets,
];

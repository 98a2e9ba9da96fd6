import type { Node, Pod } from "#api/generated/types";
import { keyOf, type ObjectKey, type Stored } from "#api/object";
import { nodes, pods } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { Clock } from "#base/clock";
import type { ApiReader } from "#client/api-client";
import { from, merge, mergeMap } from "rxjs";
import { ownRequests } from "../framework/owner-requests.ts";
import { isFinished } from "../framework/pods.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import { nodeIndex, type SharedInformers } from "../framework/shared-informers.ts";
import { planPodGarbage, type PodGarbageView } from "./plan.ts";

/** Upstream's --terminated-pod-gc-threshold. */
const mostFinished = 12_500;
const outOfService = "node.kubernetes.io/out-of-service";

export function podGarbageReconciler(informers: SharedInformers, clock: Clock): Reconciler<PodGarbageView> {
  const [all, machines] = [informers.of(pods), informers.of(nodes)];
  /** Since when nodes that pods name are missing, as seen here. */
  const missing = new Map<string, number>();
  machines.changes.subscribe(({ type, object }) => {
    if (type !== "deleted") missing.delete(object.metadata.name);
  });
  const onChanged = machines.changes.pipe(
    mergeMap(({ object }) => from(all.byIndex(nodeIndex, object.metadata.name).map(keyOf))),
  );
  const finished = new FinishedPods();
  all.changes.subscribe(({ type, object }) => finished.note(object, type !== "deleted"));

  async function whereabouts(name: string, live: ApiReader): Promise<PodGarbageView["node"]> {
    if (name === "") return { type: "none" };
    const node = machines.get({ namespace: "", name }) ?? (missing.has(name) ? undefined : await find(name, live));
    if (node !== undefined) {
      missing.delete(name);
      return { type: "there", isOutOfService: (node.spec?.taints ?? []).some(({ key }) => key === outOfService) };
    }
    const since = missing.get(name) ?? clock.monotonic();
    missing.set(name, since);
    return { type: "gone", forMs: clock.monotonic() - since };
  }

  return {
    name: "pod-garbage-collector",
    requests: merge(ownRequests(all), onChanged),
    plan: planPodGarbage,
    observe: async (key: ObjectKey, live: ApiReader) => {
      const pod = all.get(key);
      if (pod === undefined) return undefined;
      const node = await whereabouts(pod.spec?.nodeName ?? "", live);
      return { pod, node, isSurplus: finished.isSurplus(pod), now: clock.now() };
    },
  };
}

/** The informer may be late: a node is missing only if the server says so, too. */
async function find(name: string, live: ApiReader): Promise<Stored<Node> | undefined> {
  try {
    return await live.get(nodes, { namespace: "", name });
  } catch (error) {
    if (hasReason(error, "NotFound")) return undefined;
    throw error;
  }
}

/** Finished pods in the order in which they were made, as far as that matters. */
class FinishedPods {
  readonly #made = new Map<string, string>();

  note(pod: Stored<Pod>, isThere: boolean): void {
    if (isThere && isFinished(pod)) this.#made.set(pod.metadata.uid, pod.metadata.creationTimestamp);
    else this.#made.delete(pod.metadata.uid);
  }

  isSurplus({ metadata: { uid, creationTimestamp } }: Stored<Pod>): boolean {
    const surplus = this.#made.size - mostFinished;
    if (surplus <= 0 || !this.#made.has(uid)) return false;
    let older = 0;
    for (const made of this.#made.values()) if (made < creationTimestamp && ++older >= surplus) return false;
    return true;
  }
}

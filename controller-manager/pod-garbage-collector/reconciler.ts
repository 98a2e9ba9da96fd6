import type { Node } from "#api/generated/types";
import { keyOf, type ObjectKey, type Stored } from "#api/object";
import { nodes, pods } from "#api/resource-type";
import { hasReason } from "#api/status";
import type { Clock } from "#base/clock";
import type { ApiReader } from "#client/api-client";
import { from, merge, mergeMap } from "rxjs";
import { ownRequests } from "../framework/owner-requests.ts";
import type { Reconciler } from "../framework/reconciler.ts";
import { nodeIndex, type SharedInformers } from "../framework/shared-informers.ts";
import { FinishedPods } from "./finished-pods.ts";
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
  const finished = new FinishedPods(mostFinished);
  all.changes.subscribe(({ type, object }) => finished.note(object, type !== "deleted"));

  async function whereabouts(name: string, live: ApiReader): Promise<PodGarbageView["node"]> {
    if (name === "") return { type: "none" };
    const node = machines.get({ namespace: "", name }) ?? (missing.has(name) ? undefined : await find(name, live));
    if (node !== undefined) {
      missing.delete(name);
      const isMarked = (node.spec?.taints ?? []).some(({ key }) => key === outOfService);
      return { type: "there", isOutOfService: isMarked && !isNodeReady(node) };
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

function isNodeReady({ status }: Node): boolean {
  return status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false;
}

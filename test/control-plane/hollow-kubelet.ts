import type { Node, Pod } from "#api/generated/types";
import { keyOf, type Stored } from "#api/object";
import { nodes, pods } from "#api/resource-type";
import { hasReason } from "#api/status";
import { timestamp } from "#base/clock";
import type { ApiClient } from "#client/api-client";

/** What a hollow node makes of a pod: `undefined` leaves it pending. */
export type Behaviour = (pod: Stored<Pod>) => "ready" | "running" | undefined;

const ready: Behaviour = () => "ready";

/** Pods that are bound to hollow nodes run at once, each at its own pace, and end when they are deleted. Resolves on abort. */
export async function runHollowNodes(
  client: ApiClient,
  signal: AbortSignal,
  behaviour: () => Behaviour = () => ready,
): Promise<void> {
  const acting = new Set<Promise<void>>();
  let failure: unknown;
  const start = (pod: Stored<Pod>): void => {
    const done = act(client, pod, behaviour())
      .catch((error: unknown) => (failure ??= error))
      .then(() => void acting.delete(done));
    acting.add(done);
  };
  for (;;) {
    const list = await client.list(pods);
    list.items.forEach(start);
    try {
      const resourceVersion = list.metadata.resourceVersion ?? "";
      for await (const event of client.watch(pods, { resourceVersion, signal })) {
        if (failure !== undefined) throw failure as Error;
        if (event.type === "ADDED" || event.type === "MODIFIED") start(event.object);
      }
    } catch (error) {
      await Promise.all(acting);
      if (signal.aborted) return;
      throw error;
    }
  }
}

/** A node without containers. */
export async function registerHollowNode(client: ApiClient, name: string): Promise<void> {
  const capacity = { cpu: "4", memory: "8Gi", pods: "110" };
  const node: Node = { metadata: { name, labels: { "kubernetes.io/hostname": name } }, spec: {} };
  const created = await client.create(nodes, node);
  const conditions = [{ type: "Ready", status: "True", reason: "KubeletReady", message: "hollow" }];
  await client.update(nodes, { ...created, status: { capacity, allocatable: capacity, conditions } }, { subresource: "status" });
}

async function act(client: ApiClient, pod: Stored<Pod>, behaviour: Behaviour): Promise<void> {
  if ((pod.spec?.nodeName ?? "") === "") return;
  try {
    if (pod.metadata.deletionTimestamp !== undefined) {
      await client.delete(pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } });
      return;
    }
    const wanted = behaviour(pod);
    const is = pod.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True" ? "ready" : "running";
    if (wanted === undefined || (pod.status?.phase === "Running" && is === wanted)) return;
    const condition = {
      type: "Ready",
      status: wanted === "ready" ? "True" : "False",
      lastTransitionTime: timestamp(Date.now() - 1000),
    };
    const patch = { metadata: { uid: pod.metadata.uid }, status: { phase: "Running", conditions: [condition] } };
    await client.patch(pods, keyOf(pod), { type: "strategic", patch }, { subresource: "status" });
  } catch (error) {
    if (!hasReason(error, "NotFound", "Conflict")) throw error;
  }
}

import type { Lease, Node, Pod, PodStatus } from "#api/generated/types";
import { keyOf, type ObjectKey, type Stored } from "#api/object";
import { leases, nodes, pods } from "#api/resource-type";
import { hasReason } from "#api/status";
import { microTimestamp, timestamp, type Clock } from "#base/clock";
import { silentLogger } from "#base/logger";
import type { Random } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { Informer } from "#client/informer";
import { behaviourOf } from "./cluster.ts";

export interface HollowNodeOptions {
  readonly name: string;
  readonly zone: string;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
}

const leaseMs = 10_000;
const longestStartMs = 3_000;
const longestStopMs = 1_500;

/** The agent of a node on which nothing runs: it says what an agent would say. Resolves when the signal aborts, as a power cut does. */
export async function runHollowNode(options: HollowNodeOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, random, name } = options;
  const fieldSelector = `spec.nodeName=${name}`;
  const informer = new Informer<Pod>({ client, clock, random, log: silentLogger, type: pods, fieldSelector });
  const busy = new Set<string>();
  const look = (pod: Stored<Pod>): void => {
    const { uid } = pod.metadata;
    if (busy.has(uid)) return;
    busy.add(uid);
    const again = (): void => {
      busy.delete(uid);
      const latest = informer.get(keyOf(pod));
      if (!signal.aborted && latest !== undefined && latest.metadata.resourceVersion !== pod.metadata.resourceVersion)
        look(latest);
    };
    void drive(pod, options, signal).then(again, again);
  };
  informer.changes.subscribe((change) => {
    if (change.type !== "deleted" && !signal.aborted) look(change.object);
  });
  await Promise.all([informer.run(signal), keepSayingAlive(options, signal).catch(() => undefined)]);
}

/** Does the next thing for a pod, until the server has taken it. */
async function drive(pod: Stored<Pod>, options: HollowNodeOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, random } = options;
  const { deletionTimestamp, uid } = pod.metadata;
  if (deletionTimestamp !== undefined) {
    await clock.sleep(random.float() * longestStopMs, signal);
    const removal = { gracePeriodSeconds: 0, preconditions: { uid }, signal };
    await insist(() => client.delete(pods, keyOf(pod), removal), clock, signal);
    return;
  }
  const status = nextStatus(pod, clock.now());
  if (status === undefined) return;
  await clock.sleep(random.float() * longestStartMs, signal);
  const patch = { metadata: { uid }, status: nextStatus(pod, clock.now()) };
  const write = () => client.patch(pods, keyOf(pod), { type: "strategic", patch }, { subresource: "status", signal });
  await insist(write, clock, signal);
}

/** Undefined when it is as it will stay. */
function nextStatus(pod: Pod, now: number): PodStatus | undefined {
  const { phase, conditions } = pod.status ?? {};
  if (phase === "Succeeded" || phase === "Failed") return undefined;
  const behaviour = behaviourOf(pod);
  const isReady = conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  if (phase === "Running" && behaviour === "once") return { phase: "Succeeded", conditions: [ready("False", now)] };
  const wanted = behaviour === "serves";
  if (phase === "Running" && isReady === wanted) return undefined;
  return { phase: "Running", conditions: [ready(wanted ? "True" : "False", now)] };
}

function ready(status: string, now: number) {
  return { type: "Ready", status, lastTransitionTime: timestamp(now) };
}

/** Until it is done, or cannot be done any more. */
async function insist(write: () => Promise<unknown>, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      if (signal.aborted || hasReason(error, "NotFound", "Conflict", "Forbidden", "Invalid")) return;
      await clock.sleep(1_000, signal);
    }
  }
}

async function keepSayingAlive(options: HollowNodeOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, name } = options;
  const lease: ObjectKey = { namespace: "kube-node-lease", name };
  await register(options, signal);
  for (;;) {
    const patch = { spec: { renewTime: microTimestamp(clock.now()), holderIdentity: name, leaseDurationSeconds: 40 } };
    try {
      await client.patch(leases, lease, { type: "merge", patch }, { signal });
    } catch (error) {
      if (hasReason(error, "NotFound")) {
        const object: Lease = { metadata: lease, spec: patch.spec };
        await client.create(leases, object, { signal }).catch(() => undefined);
        continue;
      }
    }
    await sayReady(options, signal);
    await clock.sleep(leaseMs, signal);
  }
}

/** Others may think otherwise of it, and say so on its Node. */
async function sayReady(options: HollowNodeOptions, signal: AbortSignal): Promise<void> {
  const { client, name } = options;
  const node = await client.get(nodes, { namespace: "", name }, { signal }).catch(() => undefined);
  const isReady = node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  if (!isReady) await register(options, signal);
}

/** Makes its Node, or says that it is back. */
async function register(options: HollowNodeOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, name, zone, allocatable } = options;
  const labels = { "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone };
  const node: Node = { metadata: { name, labels } };
  const now = timestamp(clock.now());
  const condition = { type: "Ready", status: "True", reason: "KubeletReady", message: "hollow", lastHeartbeatTime: now };
  const status = { capacity: allocatable, allocatable, conditions: [{ ...condition, lastTransitionTime: now }] };
  await insist(() => client.create(nodes, node, { signal }).catch(unlessThere), clock, signal);
  const key = { namespace: "", name };
  const write = () => client.patch(nodes, key, { type: "strategic", patch: { status } }, { subresource: "status", signal });
  await insist(write, clock, signal);
}

function unlessThere(error: unknown): void {
  if (!hasReason(error, "AlreadyExists")) throw error;
}

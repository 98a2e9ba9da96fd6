import type { Node, NodeCondition, Pod, Taint } from "#api/generated/types";
import type { Stored } from "#api/object";
import { nodes, pods as podType } from "#api/resource-type";
import { timestamp } from "#base/clock";
import { nothingToDo, type Plan, type Step, type Write } from "../framework/plan.ts";
import { isReady } from "../framework/pods.ts";
import { conditionTaints, noExecuteTaints } from "./condition-taints.ts";
import type { Eviction } from "./disruption.ts";
import { readiness } from "./readiness.ts";
import { unheardStatus } from "./unheard-conditions.ts";

export interface NodeView {
  readonly node: Stored<Node>;
  /** Those bound to it. */
  readonly pods: readonly Stored<Pod>[];
  /** Uids of those that were said not to be ready since the node is not: what its agent says of them after that stands. */
  readonly doubted: ReadonlySet<string>;
  /** How long it has not been heard of. */
  readonly silentMs: number;
  readonly eviction: Eviction;
  readonly now: number;
}

/** Upstream's --node-monitor-grace-period and --node-startup-grace-period. */
const graceMs = 50_000;
const startupGraceMs = 60_000;
/** Upstream's --node-monitor-period: how soon a zone that is held is looked at again. */
const monitorMs = 5_000;

/**
 * Says of a node that fell silent that nothing is known of it; keeps new pods away from nodes that are not fit, and drives away those
 * that are there, at the pace that is given.
 */
export function planNode(view: NodeView): Plan {
  const { node, silentMs } = view;
  if (node.metadata.deletionTimestamp !== undefined) return nothingToDo;
  const patienceMs = readiness(node) === "new" ? startupGraceMs : graceMs;
  const unheard = silentMs >= patienceMs ? unheardStatus(node, timestamp(view.now)) : undefined;
  if (unheard !== undefined) {
    const object: Stored<Node> = { ...node, status: unheard };
    return { steps: [{ type: "update", resource: nodes, object, subresource: "status", announce: notReadyAnnouncement(node) }] };
  }
  const steps: Step[] = [];
  const taints = wantedTaints(view);
  if (taints !== undefined) steps.push({ type: "update", resource: nodes, object: withTaints(node, taints) });
  const state = readiness(node);
  const doubtful =
    state === "notReady" || state === "unknown"
      ? view.pods.filter((pod) => isReady(pod) && !view.doubted.has(pod.metadata.uid))
      : [];
  if (doubtful.length > 0) steps.push({ type: "together", writes: doubtful.map((pod) => unready(pod, view.now)) });
  const waits = [patienceMs - silentMs, ...evictionWait(view)].filter((ms) => ms > 0);
  return waits.length === 0 ? { steps } : { steps, requeueAfterMs: Math.min(...waits) };
}

/** Undefined: they are as they should be. */
function wantedTaints({ node, eviction, now }: NodeView): readonly Taint[] | undefined {
  const scheduling = conditionTaints(node, timestamp(now));
  const present = scheduling ?? node.spec?.taints ?? [];
  const mayMark = eviction.type === "inMs" && eviction.waitMs <= 0;
  return noExecuteTaints(node, present, { mayMark, forgive: eviction.type === "forgiven", now: timestamp(now) }) ?? scheduling;
}

function evictionWait({ node, eviction }: NodeView): number[] {
  const state = readiness(node);
  if (state === "ready" || state === "new" || eviction.type === "forgiven") return [];
  return [eviction.type === "held" ? monitorMs : eviction.waitMs];
}

function withTaints(node: Stored<Node>, taints: readonly Taint[]): Stored<Node> {
  const { taints: _, ...spec } = node.spec ?? {};
  return { ...node, spec: taints.length === 0 ? spec : { ...spec, taints } };
}

/** Nobody can say that a pod is ready whose node says nothing. */
function unready(pod: Stored<Pod>, now: number): Write {
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition.type === "Ready" ? { ...condition, status: "False", lastTransitionTime: timestamp(now) } : condition,
  );
  const object: Stored<Pod> = { ...pod, status: { ...pod.status, conditions } };
  const done = () => ({ type: "Warning", reason: "NodeNotReady", message: "Node is not ready" }) as const;
  return { type: "update", resource: podType, object, subresource: "status", announce: { about: pod, done } };
}

function notReadyAnnouncement(node: Stored<Node>) {
  const wasReady = (node.status?.conditions ?? []).some(
    ({ type, status }: NodeCondition) => type === "Ready" && status === "True",
  );
  const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
  return { about: node, ...(wasReady && { done: () => ({ type: "Normal", reason: "NodeNotReady", message }) as const }) };
}

import type { Node, Taint } from "#api/generated/types";
import { readiness } from "./readiness.ts";

const prefix = "node.kubernetes.io/";
const unschedulable = `${prefix}unschedulable`;
const notReady = `${prefix}not-ready`;

/** By type and status of a condition, the taint that goes with it (upstream: nodeConditionToTaintKeyStatusMap of pkg/controller/nodelifecycle). */
const byCondition: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  [
    "Ready",
    new Map([
      ["False", notReady],
      ["Unknown", `${prefix}unreachable`],
    ]),
  ],
  ["MemoryPressure", new Map([["True", `${prefix}memory-pressure`]])],
  ["DiskPressure", new Map([["True", `${prefix}disk-pressure`]])],
  ["NetworkUnavailable", new Map([["True", `${prefix}network-unavailable`]])],
  ["PIDPressure", new Map([["True", `${prefix}pid-pressure`]])],
]);

const ownKeys = new Set([unschedulable, ...[...byCondition.values()].flatMap((keys) => [...keys.values()])]);

/**
 * The taints of a node after its NoSchedule taints were made to say what its conditions and `spec.unschedulable` say. Those of
 * other keys and effects are left as they are. Undefined: they say it already.
 */
export function conditionTaints(node: Node, now: string): readonly Taint[] | undefined {
  const present = node.spec?.taints ?? [];
  const keys = wantedKeys(node);
  const isOwn = ({ key, effect }: Taint): boolean => effect === "NoSchedule" && ownKeys.has(key);
  const kept = present.filter((taint) => !isOwn(taint) || keys.has(taint.key));
  const added = [...keys].filter((key) => !kept.some((taint) => isOwn(taint) && taint.key === key));
  if (added.length === 0 && kept.length === present.length) return undefined;
  return [...kept, ...added.map((key) => ({ key, effect: "NoSchedule", timeAdded: now }))];
}

function wantedKeys({ spec = {}, status = {} }: Node): ReadonlySet<string> {
  const conditions = status.conditions ?? [];
  const keys = conditions.flatMap((condition) => byCondition.get(condition.type)?.get(condition.status) ?? []);
  // A node of which nobody has said yet whether it is ready stays as it was registered.
  const isNew = !conditions.some(({ type }) => type === "Ready");
  const asRegistered =
    isNew && (spec.taints ?? []).some(({ key, effect }) => key === notReady && effect === "NoSchedule") ? [notReady] : [];
  return new Set([...keys, ...asRegistered, ...(spec.unschedulable === true ? [unschedulable] : [])]);
}

/** The taint that drives pods away goes with the same keys as the one that keeps them away. */
const driving: Readonly<Partial<Record<ReturnType<typeof readiness>, string>>> = {
  notReady,
  unknown: `${prefix}unreachable`,
};
const drivingKeys = new Set(Object.values(driving));

/**
 * `present` with the NoExecute taint that the node's Ready condition calls for. One that is marked already stays so, under the key that
 * is right now; one that is not is marked only if that may be done. Undefined: nothing changes.
 */
export function noExecuteTaints(
  node: Node,
  present: readonly Taint[],
  { mayMark, forgive, now }: { readonly mayMark: boolean; readonly forgive: boolean; readonly now: string },
): readonly Taint[] | undefined {
  const isOwn = ({ key, effect }: Taint): boolean => effect === "NoExecute" && drivingKeys.has(key);
  const own = present.filter(isOwn);
  const key = driving[readiness(node)];
  const isWanted = key !== undefined && !forgive && (mayMark || own.length > 0);
  if (isWanted ? own.length === 1 && own[0]?.key === key : own.length === 0) return undefined;
  const others = present.filter((taint) => !isOwn(taint));
  return isWanted ? [...others, { key, effect: "NoExecute", timeAdded: now }] : others;
}

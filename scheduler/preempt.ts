import type { Random } from "#base/random";
import type { Pod } from "#api/generated/types";
import { type Attempt, type Rejected, rejectionOf } from "./filter.ts";
import { histogram } from "./histogram.ts";
import { type NodeInfo, withoutPod, withPod } from "./node-info.ts";
import type { PodInfo } from "./pod-info.ts";

export type Preemption =
  /** At least one, the most important first. */
  | { readonly type: "victims"; readonly node: string; readonly victims: readonly PodInfo[] }
  /** It may not, or not now; what it was promised stands. */
  | { readonly type: "not eligible"; readonly message: string }
  /** There is nobody whose leaving would help. */
  | { readonly type: "hopeless"; readonly message: string };

/**
 * Finds the node where the least harm makes room for the pod, among those that said that pods leaving may help (upstream:
 * DefaultPreemption). Budgets for disruptions have no part in it: there is no such kind.
 */
export function preempt(attempt: Attempt, rejected: ReadonlyMap<NodeInfo, Rejected>, random: Random): Preemption {
  const { nodes } = attempt.cluster;
  const refusal = whyNotEligible(attempt, rejected);
  if (refusal !== undefined) return { type: "not eligible", message: refusal };
  const hopeful = nodes.filter((node) => rejected.get(node)?.rejection.resolvableByPreemption === true);
  const { candidates, failures } = findCandidates(attempt, startingAnywhere(hopeful, random));
  const chosen = leastHarm(candidates);
  if (chosen !== undefined) return { type: "victims", node: chosen.node, victims: chosen.victims };
  const useless = Array.from({ length: nodes.length - hopeful.length }, () => "Preemption is not helpful for scheduling");
  return { type: "hopeless", message: `0/${nodes.length} nodes are available: ${histogram([...failures, ...useless])}.` };
}

/** What marks a pod that the scheduler asked to leave. */
export const disruptionTarget = { type: "DisruptionTarget", reason: "PreemptionByScheduler" } as const;

/** Who has had room made for it once waits until it is there, unless the node has become impossible in the meantime. */
function whyNotEligible({ pod, cluster }: Attempt, rejected: ReadonlyMap<NodeInfo, Rejected>): string | undefined {
  if (pod.pod.spec?.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  const nominated = cluster.nominatedNode(pod.uid);
  if (nominated === undefined || rejected.get(nominated)?.rejection.resolvableByPreemption === false) return undefined;
  const leaving = [...nominated.pods.values()].some((other) => other.priority < pod.priority && isLeavingForAnother(other.pod));
  return leaving ? "not eligible due to a terminating pod on the nominated node." : undefined;
}

function isLeavingForAnother({ metadata, status }: Pod): boolean {
  const marked = status?.conditions?.find(({ type }) => type === disruptionTarget.type);
  return metadata.deletionTimestamp !== undefined && marked?.status === "True" && marked.reason === disruptionTarget.reason;
}

interface Candidate {
  readonly node: string;
  readonly victims: readonly PodInfo[];
}

/** A tenth of the nodes is enough to choose from, but not fewer than a hundred (upstream: minCandidateNodes…). */
function findCandidates(
  attempt: Attempt,
  nodes: readonly NodeInfo[],
): { candidates: readonly Candidate[]; failures: readonly string[] } {
  const enough = Math.max(Math.floor(nodes.length / 10), 100);
  const candidates: Candidate[] = [];
  const failures: string[] = [];
  for (const node of nodes) {
    if (candidates.length >= enough) break;
    const victims = victimsOn(attempt, node);
    if (victims.type === "victims" && victims.pods.length > 0)
      candidates.push({ node: node.node.metadata.name, victims: victims.pods });
    else if (victims.type === "none") failures.push(...victims.reasons);
  }
  return { candidates, failures };
}

/** Without all pods of lower priority the pod must fit; then as many of them stay as can, the most important first. */
function victimsOn(
  attempt: Attempt,
  node: NodeInfo,
): { type: "victims"; pods: readonly PodInfo[] } | { type: "none"; reasons: readonly string[] } {
  const lower = [...node.pods.values()].filter(({ priority }) => priority < attempt.pod.priority).toSorted(moreImportantFirst);
  if (lower.length === 0) return { type: "none", reasons: ["No preemption victims found for incoming pod"] };
  let left = lower.reduce((info, { uid }) => withoutPod(info, uid), node);
  const rejected = rejectionOf(attempt, left);
  if (rejected !== undefined) return { type: "none", reasons: rejected.rejection.reasons };
  const victims = lower.filter((pod) => {
    const reprieved = withPod(left, pod);
    if (rejectionOf(attempt, reprieved) !== undefined) return true;
    left = reprieved;
    return false;
  });
  return { type: "victims", pods: victims };
}

function moreImportantFirst(left: PodInfo, right: PodInfo): number {
  return right.priority - left.priority || compare(startOf(left), startOf(right));
}

/** In milliseconds; who has not started is the youngest. */
function startOf({ pod }: PodInfo): number {
  return pod.status?.startTime === undefined ? Infinity : Date.parse(pod.status.startTime);
}

/** What decides between nodes, one after the other; less is better. */
const harms: readonly ((victims: readonly PodInfo[]) => number)[] = [
  ([first]) => first?.priority ?? -Infinity,
  // Priorities may be negative: each victim must add to the harm.
  (victims) => victims.reduce((sum, { priority }) => sum + priority + 2 ** 31, 0),
  (victims) => victims.length,
  // The longest among the most important should not have run for long.
  (victims) =>
    -victims
      .filter(({ priority }) => priority === victims[0]?.priority)
      .reduce((earliest, pod) => Math.min(earliest, startOf(pod)), Infinity),
];

function leastHarm(candidates: readonly Candidate[]): Candidate | undefined {
  let left = candidates;
  for (const harm of harms) {
    const least = left.reduce((lowest, { victims }) => Math.min(lowest, harm(victims)), Infinity);
    left = left.filter(({ victims }) => harm(victims) === least);
  }
  return left[0];
}

function startingAnywhere<T>(list: readonly T[], random: Random): readonly T[] {
  const start = Math.floor(random.float() * list.length);
  return [...list.slice(start), ...list.slice(0, start)];
}

function compare(left: number, right: number): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

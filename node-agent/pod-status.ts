import { timestamp } from "#base/clock";
import type { ContainerStatus, PodCondition, PodStatus } from "#api/generated/types";
import { containerStatuses } from "./container-status.ts";
import { shouldRestart } from "./container-restart.ts";
import { podConditions } from "./pod-conditions.ts";
import type { Verdict } from "./pod-plan.ts";
import { initContainersOf, isSidecar, specOf } from "./pod-spec.ts";
import { currentSandbox, type Waiting, type PodView } from "./pod-view.ts";

/** What a pod's status is made of. */
export interface StatusInput extends Pick<PodView, "pod" | "now" | "sandboxes" | "containers" | "probes" | "postStarts"> {
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** What containers said when they ended, by id. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  /** Image reference with digest, by image id. */
  readonly imageReferences: ReadonlyMap<string, string>;
  readonly nodeAddress: string;
  readonly runtimeName: string;
  readonly verdict?: Verdict;
  /** Its containers have ended for good, whatever the restart policy says. */
  readonly ended: boolean;
}

/** The status as upstream's kubelet builds it. What others own (scheduling, readiness gates, disruption) is kept. */
export function podStatus(input: StatusInput): PodStatus {
  const { pod, now, nodeAddress } = input;
  const before = pod.status ?? {};
  const { main, init, ephemeral } = containerStatuses(input);
  const phase = phaseOf(input, main, init);
  const podIP = addressOf(input);
  const conditions = podConditions({ pod, now, phase, main, init, hasNetwork: currentSandbox(input.sandboxes) !== undefined });
  const verdict = input.verdict ?? (phase === before.phase ? said(before) : undefined);
  return {
    ...kept(before),
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    phase,
    ...(verdict && said(verdict)),
    conditions: withOthers(before.conditions ?? [], [...conditions, ...disruption(input)]),
    hostIP: nodeAddress,
    hostIPs: [{ ip: nodeAddress }],
    ...(podIP !== "" && { podIP, podIPs: [{ ip: podIP }] }),
    startTime: before.startTime ?? timestamp(now),
    ...(init.length > 0 && { initContainerStatuses: init }),
    containerStatuses: main,
    ...(ephemeral.length > 0 && { ephemeralContainerStatuses: ephemeral }),
  };
}

/** Upstream's getPhase. A pod that has ended never goes back. */
function phaseOf(input: StatusInput, main: readonly ContainerStatus[], init: readonly ContainerStatus[]): string {
  const { pod, verdict, ended } = input;
  const before = pod.status?.phase;
  if (before === "Succeeded" || before === "Failed") return before;
  if (verdict !== undefined) return "Failed";
  const inits = initContainersOf(pod).map((spec) => ({ spec, status: init.find(({ name }) => name === spec.name) }));
  const regularInits = inits.filter(({ spec }) => !isSidecar(spec));
  const hasFailedForGood = ({ spec, status }: (typeof inits)[number]) =>
    hasFailed(status) && !shouldRestart(pod, spec, exitCodeOf(status));
  if (regularInits.some(hasFailedForGood)) return "Failed";
  const regular = regularInits.map(({ status }) => status);
  const statuses = specOf(pod).containers.map(({ name }) => main.find((status) => status.name === name));
  const initialized = statuses.some(
    (status) => status?.state?.running ?? status?.state?.terminated ?? status?.lastState?.terminated,
  );
  const sidecars = inits.filter(({ spec }) => isSidecar(spec)).map(({ status }) => status);
  if (!initialized && !ended && (regular.some(isPending) || sidecars.some((status) => status?.started !== true)))
    return "Pending";
  const stopped = statuses.filter(
    (status) => status?.state?.terminated ?? (status?.state?.waiting && status.lastState?.terminated),
  );
  const running = [...statuses, ...sidecars].filter((status) => status?.state?.running !== undefined).length;
  const known = statuses.filter((status) => status?.state?.running !== undefined).length + stopped.length;
  if (known < statuses.length && !ended) return "Pending";
  if (running > 0) return "Running";
  const succeeded = stopped.length === statuses.length && stopped.every((status) => status?.state?.terminated?.exitCode === 0);
  if (ended) return succeeded ? "Succeeded" : "Failed";
  const runsAgain = specOf(pod).containers.some((spec, index) => shouldRestart(pod, spec, exitCodeOf(statuses[index])));
  if (runsAgain) return "Running";
  return succeeded ? "Succeeded" : "Failed";
}

function exitCodeOf(status: ContainerStatus | undefined): number | undefined {
  return (status?.state?.terminated ?? status?.lastState?.terminated)?.exitCode;
}

function hasFailed(status: ContainerStatus | undefined): boolean {
  const terminated = status?.state?.terminated ?? status?.lastState?.terminated;
  return status?.state?.running === undefined && terminated !== undefined && terminated.exitCode !== 0;
}

function isPending(status: ContainerStatus | undefined): boolean {
  return status?.state?.terminated?.exitCode !== 0;
}

function addressOf({ pod, sandboxes, nodeAddress }: StatusInput): string {
  if (specOf(pod).hostNetwork === true) return nodeAddress;
  const sandbox = currentSandbox(sandboxes);
  const ended = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed" || sandbox === undefined;
  return sandbox?.ip ?? (ended ? (pod.status?.podIP ?? "") : "");
}

/** Upstream: the kubelet's DisruptionTarget. Said once, it stands. */
function disruption({ pod, verdict, now }: StatusInput): readonly PodCondition[] {
  const isTold = pod.status?.conditions?.some(({ type }) => type === "DisruptionTarget") === true;
  if (verdict?.disrupts !== true || isTold) return [];
  const { message } = verdict;
  const lastTransitionTime = timestamp(now);
  return [{ type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet", message, lastTransitionTime }];
}

function said({ reason, message }: Pick<PodStatus, "reason" | "message">): Partial<Verdict> | undefined {
  if (reason === undefined && message === undefined) return undefined;
  return { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) };
}

/** Fields that somebody else writes. */
function kept({ qosClass, nominatedNodeName, resourceClaimStatuses, resize }: PodStatus): PodStatus {
  return {
    ...(qosClass !== undefined && { qosClass }),
    ...(nominatedNodeName !== undefined && { nominatedNodeName }),
    ...(resourceClaimStatuses !== undefined && { resourceClaimStatuses }),
    ...(resize !== undefined && { resize }),
  };
}

function withOthers(before: readonly PodCondition[], own: readonly PodCondition[]): readonly PodCondition[] {
  return [...own, ...before.filter(({ type }) => !own.some((condition) => condition.type === type))];
}

import { timestamp } from "#base/clock";
import type { ContainerStatus, PodCondition } from "#api/generated/types";
import { initContainersOf, isSidecar, specOf, type StoredPod } from "./pod-spec.ts";

export interface ConditionsInput {
  readonly pod: StoredPod;
  readonly now: number;
  readonly phase: string;
  readonly main: readonly ContainerStatus[];
  readonly init: readonly ContainerStatus[];
  readonly hasNetwork: boolean;
}

type Draft = Pick<PodCondition, "type" | "status" | "reason" | "message">;

/** The kubelet's conditions, in its order. A condition that does not change keeps its time. */
export function podConditions(input: ConditionsInput): readonly PodCondition[] {
  const { pod, now } = input;
  const containersReady = containersReadyOf(input);
  const drafts = [
    draft("PodReadyToStartContainers", input.hasNetwork),
    initializedOf(input),
    readyOf(pod, containersReady),
    { type: "ContainersReady", ...containersReady },
    scheduledOf(pod),
  ];
  return drafts.map((next) => {
    const before = pod.status?.conditions?.find(({ type }) => type === next.type);
    const same = before?.status === next.status && before.lastTransitionTime !== undefined;
    const { generation } = pod.metadata;
    return {
      ...next,
      ...(generation !== undefined && { observedGeneration: generation }),
      lastTransitionTime: same ? before.lastTransitionTime : timestamp(now),
    };
  });
}

function initializedOf({ pod, phase, init, main }: ConditionsInput): Draft {
  if (phase === "Succeeded") return { type: "Initialized", status: "True", reason: "PodCompleted" };
  const mainStarted = main.some(({ state, lastState }) => state?.running ?? state?.terminated ?? lastState?.terminated);
  const incomplete = initContainersOf(pod).filter((spec) => {
    const status = init.find(({ name }) => name === spec.name);
    if (isSidecar(spec)) return !mainStarted && status?.started !== true;
    return !mainStarted && status?.state?.terminated?.exitCode !== 0;
  });
  if (incomplete.length === 0) return draft("Initialized", true);
  const names = incomplete.map(({ name }) => name).join(" ");
  const message = `containers with incomplete status: [${names}]`;
  return { type: "Initialized", status: "False", reason: "ContainersNotInitialized", message };
}

function containersReadyOf({ pod, phase, main, init }: ConditionsInput): Omit<Draft, "type"> {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const wanted = [...initContainersOf(pod).filter(isSidecar), ...specOf(pod).containers];
  const statuses = [...init, ...main];
  const unready = wanted.filter((spec) => statuses.find(({ name }) => name === spec.name)?.ready !== true);
  if (unready.length === 0) return { status: "True" };
  const names = unready.map(({ name }) => name).join(" ");
  return { status: "False", reason: "ContainersNotReady", message: `containers with unready status: [${names}]` };
}

function readyOf(pod: StoredPod, containersReady: Omit<Draft, "type">): Draft {
  if (containersReady.status !== "True") return { type: "Ready", ...containersReady };
  const messages = (specOf(pod).readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (gate === undefined) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    return gate.status === "True"
      ? []
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`];
  });
  if (messages.length === 0) return draft("Ready", true);
  return { type: "Ready", status: "False", reason: "ReadinessGatesNotReady", message: messages.join(", ") };
}

function scheduledOf(pod: StoredPod): Draft {
  const before = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (before === undefined) return draft("PodScheduled", true);
  const { type, status, reason, message } = before;
  return { type, status, ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) };
}

function draft(type: string, holds: boolean): Draft {
  return { type, status: holds ? "True" : "False" };
}

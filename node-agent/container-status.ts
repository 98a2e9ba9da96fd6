import { timestamp } from "#base/clock";
import type { ContainerState, ContainerStateTerminated, ContainerStatus } from "#api/generated/types";
import { shouldRestart } from "./container-restart.ts";
import { type ContainerSpec, ephemeralContainersOf, initContainersOf, isSidecar, specOf } from "./pod-spec.ts";
import type { StatusInput } from "./pod-status.ts";
import { firstBytes } from "./termination-message.ts";
import { awaitsPostStart, isAlive, newest } from "./pod-view.ts";
import type { Container } from "./runtime/runtime.ts";

/** One for each container of the spec, in its order. */
export function containerStatuses(
  input: StatusInput,
): Readonly<Record<"main" | "init" | "ephemeral", readonly ContainerStatus[]>> {
  const init = initContainersOf(input.pod);
  return {
    main: specOf(input.pod).containers.map((spec) => containerStatus(input, spec, "main")),
    ephemeral: ephemeralContainersOf(input.pod).map((spec) => containerStatus(input, spec, "ephemeral")),
    init: init.map((spec) => containerStatus(input, spec, isSidecar(spec) ? "sidecar" : "init")),
  };
}

type Role = "main" | "init" | "sidecar" | "ephemeral";

function containerStatus(input: StatusInput, spec: ContainerSpec, role: Role): ContainerStatus {
  const attempts = input.containers.filter(({ name, state }) => name === spec.name && state !== "created");
  const last = newest(attempts);
  if (last === undefined) return withoutContainer(input, spec, role);
  const previous = newest(attempts.filter(({ attempt }) => attempt < last.attempt));
  const state = stateOf(input, spec, last, role);
  const shown = state.waiting !== undefined && last.state === "exited" ? last : previous;
  const lastState = shown === undefined ? rememberedLastState(input, spec.name, last) : { terminated: terminated(input, shown) };
  return {
    name: spec.name,
    state,
    lastState,
    ...readiness(input, spec, last, role),
    restartCount: last.attempt,
    image: last.image,
    imageID: input.imageReferences.get(last.imageId) ?? last.imageId,
    containerID: `${input.runtimeName}://${last.id}`,
    ...(spec.lifecycle?.stopSignal !== undefined && { stopSignal: spec.lifecycle.stopSignal }),
  };
}

/** Never made yet, or nothing of it is left, as after a machine's crash. */
function withoutContainer(input: StatusInput, spec: ContainerSpec, role: Role): ContainerStatus {
  const before = toldStatus(input, spec.name);
  if (before?.state?.terminated !== undefined && !input.waiting.has(spec.name)) return before;
  const wasLost = before?.state?.running !== undefined;
  const waiting = input.waiting.get(spec.name) ?? { reason: defaultReason(input, role) };
  const lost = wasLost ? lostState(before) : undefined;
  const state: ContainerState = lost !== undefined && input.ended ? { terminated: lost } : { waiting };
  const lastState = lost !== undefined && !input.ended ? { terminated: lost } : (before?.lastState ?? {});
  return {
    name: spec.name,
    state,
    lastState,
    ready: false,
    started: false,
    restartCount: before?.restartCount ?? 0,
    image: spec.image ?? "",
    imageID: before?.imageID ?? "",
    ...(before?.containerID !== undefined && { containerID: before.containerID }),
  };
}

function stateOf(input: StatusInput, spec: ContainerSpec, last: Container, role: Role): ContainerState {
  if (isAlive(last) && awaitsPostStart(last, spec, input.postStarts)) return { waiting: { reason: defaultReason(input, role) } };
  if (isAlive(last)) return { running: { startedAt: timestamp(last.startedAt ?? last.createdAt) } };
  const waiting = input.waiting.get(last.name);
  const done = role === "init" && last.exitCode === 0;
  const mayRunAgain = role !== "ephemeral" && shouldRestart(input.pod, spec, last.exitCode);
  if (waiting !== undefined && !done && !input.ended && mayRunAgain) return { waiting };
  return { terminated: terminated(input, last) };
}

function readiness(
  { probes, postStarts }: StatusInput,
  spec: ContainerSpec,
  last: Container,
  role: Role,
): Pick<ContainerStatus, "ready" | "started"> {
  if (role === "init") return { ready: last.state === "exited" && last.exitCode === 0, started: false };
  if (role === "ephemeral" || !isAlive(last) || awaitsPostStart(last, spec, postStarts)) return { ready: false, started: false };
  const probe = probes.get(last.id);
  return { ready: probe?.ready ?? false, started: probe?.started ?? false };
}

function terminated(input: StatusInput, container: Container): ContainerStateTerminated {
  const { exitCode = 137, startedAt, finishedAt, createdAt, id } = container;
  const message = firstBytes(input.terminationMessages.get(id) ?? container.message ?? "", messageShare(input.pod));
  return {
    exitCode,
    reason: container.reason ?? (exitCode === 0 ? "Completed" : "Error"),
    ...(message !== "" && { message }),
    startedAt: timestamp(startedAt ?? createdAt),
    finishedAt: timestamp(finishedAt ?? createdAt),
    containerID: `${input.runtimeName}://${id}`,
  };
}

/** What all containers of a pod say when they end fits 12 KiB, in equal shares (upstream: MaxPodTerminationMessageLogLength). */
function messageShare(pod: StatusInput["pod"]): number {
  const { containers, ephemeralContainers = [] } = specOf(pod);
  return Math.floor((12 * 1024) / Math.max(containers.length + initContainersOf(pod).length + ephemeralContainers.length, 1));
}

/** What the API was told of the attempt before this one, when the runtime has forgotten it. */
function rememberedLastState(input: StatusInput, name: string, last: Container): ContainerState {
  const before = toldStatus(input, name);
  if (before === undefined || last.attempt === 0) return {};
  if (before.containerID === `${input.runtimeName}://${last.id}`) return before.lastState ?? {};
  if (before.state?.terminated !== undefined) return { terminated: before.state.terminated };
  if (before.state?.running !== undefined) return { terminated: lostState(before) };
  return before.lastState ?? {};
}

function lostState(before: ContainerStatus): ContainerStateTerminated {
  return {
    exitCode: 137,
    reason: "ContainerStatusUnknown",
    message: "The container could not be located when the pod was terminated",
    ...(before.containerID !== undefined && { containerID: before.containerID }),
  };
}

function toldStatus({ pod }: StatusInput, name: string): ContainerStatus | undefined {
  const { containerStatuses: main = [], initContainerStatuses: init = [], ephemeralContainerStatuses = [] } = pod.status ?? {};
  const told = [...main, ...init, ...ephemeralContainerStatuses];
  return told.find((status) => status.name === name);
}

function defaultReason({ pod }: StatusInput, role: Role): string {
  return role !== "main" || initContainersOf(pod).length > 0 ? "PodInitializing" : "ContainerCreating";
}

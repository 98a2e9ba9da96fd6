import type { TableCell, TableColumn } from "../definition.ts";
import type { ContainerStatus, Pod, PodStatus } from "../generated/types.ts";
import { age, ageColumn, column, humanDuration } from "../table-cells.ts";

export const podColumns: readonly TableColumn[] = [
  column("Ready", "How many containers of the pod are ready, of all."),
  column("Status", "What the pod as a whole is doing, or why it is not."),
  column("Restarts", "How often its containers were restarted, and when last."),
  ageColumn,
  column("IP", "Address of the pod.", { priority: 1 }),
  column("Node", "Node the pod is bound to.", { priority: 1 }),
  column("Nominated Node", "Node the pod waits for while others make way.", { priority: 1 }),
  column("Readiness Gates", "How many of its readiness gates are true.", { priority: 1 }),
];

/** The cells of `kubectl get pods` (upstream: printers/internalversion, printPod). */
export function podCells(pod: Pod, now: number): TableCell[] {
  const spec = pod.spec;
  const status: PodStatus = pod.status ?? {};
  const restartableInits = (spec?.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
  const init = summarizeInit(pod);
  const main = init.reason === undefined ? summarizeMain(pod) : { ready: 0, restarts: 0, reason: init.reason };
  const restarts = init.reason === undefined ? main.restarts + init.restarts : init.restarts;
  const lastRestart = Math.max(init.lastRestart, init.reason === undefined ? lastRestartOf(status.containerStatuses ?? []) : 0);
  let reason = main.reason;
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status.reason === "NodeLost") reason = "Unknown";
    else if (status.phase !== "Failed" && status.phase !== "Succeeded") reason = "Terminating";
  }
  const total = (spec?.containers.length ?? 0) + restartableInits.length;
  const restartText =
    restarts > 0 && lastRestart > 0 ? `${restarts} (${humanDuration(now - lastRestart)} ago)` : String(restarts);
  return [
    `${main.ready + init.ready}/${total}`,
    reason,
    restartText,
    age(pod.metadata.creationTimestamp, now),
    status.podIPs?.[0]?.ip ?? status.podIP ?? "<none>",
    spec?.nodeName ?? "<none>",
    status.nominatedNodeName ?? "<none>",
    readinessGates(pod),
  ];
}

interface InitSummary {
  /** Set while initialization is what the pod is doing. */
  readonly reason?: string;
  readonly restarts: number;
  readonly ready: number;
  readonly lastRestart: number;
}

function summarizeInit(pod: Pod): InitSummary {
  const containers = pod.spec?.initContainers ?? [];
  const statuses = pod.status?.initContainerStatuses ?? [];
  const restartable = new Set(
    containers.filter((container) => container.restartPolicy === "Always").map((container) => container.name),
  );
  let restarts = 0;
  let ready = 0;
  let reason: string | undefined;
  for (const [index, status] of statuses.entries()) {
    restarts += status.restartCount;
    const { terminated, waiting } = status.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (restartable.has(status.name) && status.started === true) {
      if (status.ready) ready++;
      continue;
    }
    if (terminated !== undefined) reason = `Init:${terminated.reason ?? exitText(terminated)}`;
    else if (waiting?.reason !== undefined && waiting.reason !== "" && waiting.reason !== "PodInitializing")
      reason = `Init:${waiting.reason}`;
    else reason = `Init:${index}/${containers.length}`;
    break;
  }
  const initialized =
    pod.status?.conditions?.some((condition) => condition.type === "Initialized" && condition.status === "True") === true;
  if (initialized) reason = undefined;
  return { restarts, ready, lastRestart: lastRestartOf(statuses), ...(reason !== undefined && { reason }) };
}

function summarizeMain(pod: Pod): { ready: number; restarts: number; reason: string } {
  const status = pod.status ?? {};
  let reason = status.reason !== undefined && status.reason !== "" ? status.reason : (status.phase ?? "Unknown");
  if (
    status.conditions?.some((condition) => condition.type === "PodScheduled" && condition.reason === "SchedulingGated") === true
  ) {
    reason = "SchedulingGated";
  }
  let ready = 0;
  let restarts = 0;
  let hasRunning = false;
  for (const container of [...(status.containerStatuses ?? [])].reverse()) {
    restarts += container.restartCount;
    const { terminated, waiting, running } = container.state ?? {};
    if (waiting?.reason !== undefined && waiting.reason !== "") reason = waiting.reason;
    else if (terminated !== undefined)
      reason = terminated.reason !== undefined && terminated.reason !== "" ? terminated.reason : exitText(terminated);
    else if (container.ready && running !== undefined) {
      hasRunning = true;
      ready++;
    }
  }
  if (reason === "Completed" && hasRunning) {
    const isReady = status.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
    reason = isReady ? "Running" : "NotReady";
  }
  return { ready, restarts, reason };
}

function exitText(terminated: { readonly signal?: number; readonly exitCode: number }): string {
  return terminated.signal !== undefined && terminated.signal !== 0
    ? `Signal:${terminated.signal}`
    : `ExitCode:${terminated.exitCode}`;
}

function lastRestartOf(statuses: readonly ContainerStatus[]): number {
  return Math.max(0, ...statuses.map((status) => Date.parse(status.lastState?.terminated?.finishedAt ?? "") || 0));
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const passed = gates.filter((gate) =>
    pod.status?.conditions?.some((condition) => condition.type === gate.conditionType && condition.status === "True"),
  );
  return `${passed.length}/${gates.length}`;
}

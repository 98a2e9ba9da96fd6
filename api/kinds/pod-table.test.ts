import { describe, expect, test } from "vitest";
import type { ContainerState, ContainerStatus, Pod, PodSpec, PodStatus } from "../generated/types.ts";
import { podCells } from "./pod-table.ts";

const now = Date.parse("2026-01-01T00:10:00Z");
const running: ContainerState = { running: {} };
const status = (part: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: "c",
  image: "i",
  imageID: "",
  ready: false,
  restartCount: 0,
  ...part,
});
const ready = (restartCount = 0): ContainerStatus => status({ ready: true, restartCount, state: running });
const waiting = (reason: string, restartCount = 0): ContainerStatus => status({ restartCount, state: { waiting: { reason } } });
const ended = (exitCode: number, reason?: string, signal?: number): ContainerStatus =>
  status({ state: { terminated: { exitCode, ...(reason && { reason }), ...(signal && { signal }) } } });
const containers = (count: number): PodSpec => ({ containers: Array.from({ length: count }, (_, n) => ({ name: `c${n}` })) });
const withInit = (...policies: (string | undefined)[]): PodSpec => ({
  containers: [{ name: "c" }],
  initContainers: policies.map((restartPolicy, n) => ({ name: `i${n}`, ...(restartPolicy && { restartPolicy }) })),
});
const isTrue = (type: string): NonNullable<PodStatus["conditions"]>[number] => ({ type, status: "True" });

// Rows that upstream's printers_test.go expects of the same pods: ready, status, restarts.
describe("a pod's row", () => {
  test.each<[string, PodSpec, PodStatus, [string, string, string]]>([
    [
      "sums restarts and counts who is ready",
      containers(2),
      { phase: "podPhase", containerStatuses: [ready(3), status({ restartCount: 3 })] },
      ["1/2", "podPhase", "6"],
    ],
    [
      "says why a container waits",
      containers(2),
      { phase: "podPhase", containerStatuses: [waiting("ContainerWaitingReason", 3), ready(3)] },
      ["1/2", "ContainerWaitingReason", "6"],
    ],
    [
      "says it of the first that waits",
      containers(2),
      { phase: "podPhase", containerStatuses: [waiting("First"), waiting("Second")] },
      ["0/2", "First", "0"],
    ],
    ["says the pod's own reason", containers(1), { phase: "Failed", reason: "Evicted" }, ["0/1", "Evicted", "0"]],
    [
      "says how a container ended",
      containers(1),
      { phase: "Failed", containerStatuses: [ended(1, "Error")] },
      ["0/1", "Error", "0"],
    ],
    [
      "says the exit code without a reason",
      containers(1),
      { phase: "Failed", containerStatuses: [ended(3)] },
      ["0/1", "ExitCode:3", "0"],
    ],
    [
      "says the signal without a reason",
      containers(1),
      { phase: "Failed", containerStatuses: [ended(137, undefined, 9)] },
      ["0/1", "Signal:9", "0"],
    ],
    [
      "is Running while one container of a ready pod runs on",
      containers(2),
      { phase: "Running", conditions: [isTrue("Ready")], containerStatuses: [ended(0, "Completed"), ready()] },
      ["1/2", "Running", "0"],
    ],
    [
      "is NotReady while one container of a pod that is not ready runs on",
      containers(2),
      { phase: "Running", containerStatuses: [ended(0, "Completed"), ready()] },
      ["1/2", "NotReady", "0"],
    ],
    [
      "counts init containers",
      withInit(undefined, undefined),
      { phase: "Pending", initContainerStatuses: [status({ state: running })] },
      ["0/1", "Init:0/2", "0"],
    ],
    [
      "counts those that are done",
      withInit(undefined, undefined),
      { phase: "Pending", initContainerStatuses: [ended(0), status({ state: running })] },
      ["0/1", "Init:1/2", "0"],
    ],
    [
      "says why an init container waits",
      withInit(undefined),
      { phase: "Pending", initContainerStatuses: [waiting("CrashLoopBackOff", 3)] },
      ["0/1", "Init:CrashLoopBackOff", "3"],
    ],
    [
      "says how an init container ended",
      withInit(undefined),
      { phase: "Pending", initContainerStatuses: [ended(2)] },
      ["0/1", "Init:ExitCode:2", "0"],
    ],
    [
      "counts a sidecar among the containers",
      withInit("Always"),
      { phase: "Running", initContainerStatuses: [{ ...ready(), name: "i0", started: true }], containerStatuses: [ready()] },
      ["2/2", "Running", "0"],
    ],
    [
      "is gated",
      containers(1),
      { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] },
      ["0/1", "SchedulingGated", "0"],
    ],
    [
      "says when it last restarted",
      containers(1),
      {
        phase: "Running",
        containerStatuses: [{ ...ready(2), lastState: { terminated: { exitCode: 1, finishedAt: "2026-01-01T00:09:00Z" } } }],
      },
      ["1/1", "Running", "2 (60s ago)"],
    ],
  ])("%s", (_what, spec, podStatus, expected) => {
    const pod: Pod = { metadata: { name: "p" }, spec, status: podStatus };
    expect(podCells(pod, now).slice(0, 3)).toEqual(expected);
  });

  test("is Terminating once deleted, and Unknown when its node is lost", () => {
    const deleted: Pod = {
      metadata: { name: "p", deletionTimestamp: "2026-01-01T00:00:00Z" },
      spec: containers(1),
      status: { phase: "Running", containerStatuses: [ready()] },
    };
    expect(podCells(deleted, now)[1]).toBe("Terminating");
    expect(podCells({ ...deleted, status: { phase: "Running", reason: "NodeLost" } }, now)[1]).toBe("Unknown");
    expect(podCells({ ...deleted, status: { phase: "Succeeded" } }, now)[1]).toBe("Succeeded");
  });

  test("ends in what only -o wide shows", () => {
    const bare: Pod = { metadata: { name: "p" }, spec: containers(1), status: { phase: "Pending" } };
    expect(podCells(bare, now).slice(3)).toEqual(["<unknown>", "<none>", "<none>", "<none>", "<none>"]);
    const full: Pod = {
      metadata: { name: "p", creationTimestamp: "2026-01-01T00:00:00Z" },
      spec: { ...containers(1), nodeName: "n", readinessGates: [{ conditionType: "a/b" }, { conditionType: "a/c" }] },
      status: { podIP: "1.1.1.1", podIPs: [{ ip: "1.1.1.1" }], nominatedNodeName: "m", conditions: [isTrue("a/b")] },
    };
    expect(podCells(full, now).slice(3)).toEqual(["10m", "1.1.1.1", "n", "m", "1/2"]);
  });
});

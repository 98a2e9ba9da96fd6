import { describe, expect, it } from "vitest";
import type { Pod, PodStatus } from "#api/generated/types";
import { podStatus, type StatusInput } from "./pod-status.ts";
import { statusPatch } from "./status-writer.ts";
import type { Container } from "./runtime/runtime.ts";

const now = Date.parse("2026-01-01T01:00:00Z");
const earlier = "2026-01-01T00:30:00Z";

function pod(spec: Partial<Pod["spec"]> = {}, status?: PodStatus): StatusInput["pod"] {
  return {
    metadata: { namespace: "default", name: "web", uid: "u", generation: 2, resourceVersion: "1", creationTimestamp: earlier },
    spec: { containers: [{ name: "main", image: "nginx" }], restartPolicy: "Always", ...spec },
    ...(status && { status }),
  };
}

function container(change: Partial<Container> = {}): Container {
  const { name = "main", attempt = 0 } = change;
  const base = {
    id: `${name}${attempt}`,
    sandboxId: "s",
    podUid: "u",
    name,
    attempt,
    image: "nginx",
    imageId: "i",
    createdAt: now,
  };
  return { ...base, state: "running", startedAt: now, ...change };
}

const exited = (exitCode: number, change: Partial<Container> = {}) =>
  container({ state: "exited", exitCode, finishedAt: now, ...change });

function status(change: Partial<StatusInput> = {}): PodStatus {
  return podStatus({
    pod: pod(),
    now,
    sandboxes: [
      {
        id: "s",
        podUid: "u",
        podNamespace: "default",
        podName: "web",
        attempt: 0,
        state: "ready",
        createdAt: now,
        ip: "10.0.0.2",
      },
    ],
    containers: [],
    probes: new Map(),
    postStarts: new Map(),
    waiting: new Map(),
    terminationMessages: new Map(),
    imageReferences: new Map([["i", "nginx@sha256:abc"]]),
    nodeAddress: "172.30.0.2",
    runtimeName: "crun",
    ended: false,
    ...change,
  });
}

const ready = new Map([["main0", { started: true, ready: true }]]);
const init = { name: "init", image: "busybox" };
const side = { name: "side", image: "busybox", restartPolicy: "Always" };
const condition = ({ conditions }: PodStatus, type: string) => conditions?.find((one) => one.type === type);

describe("the phase", () => {
  it.each<[string, Partial<StatusInput>]>([
    ["Pending", {}],
    ["Running", { containers: [container()] }],
    ["Running", { containers: [exited(1)] }],
    ["Running", { pod: pod({ restartPolicy: "OnFailure" }), containers: [exited(1)] }],
    ["Succeeded", { pod: pod({ restartPolicy: "OnFailure" }), containers: [exited(0)] }],
    ["Succeeded", { pod: pod({ restartPolicy: "Never" }), containers: [exited(0)] }],
    ["Failed", { pod: pod({ restartPolicy: "Never" }), containers: [exited(1)] }],
    ["Succeeded", { containers: [exited(0)], ended: true }],
    ["Failed", { containers: [exited(143)], ended: true }],
    ["Failed", { containers: [container()], verdict: { reason: "DeadlineExceeded", message: "" } }],
    ["Failed", { pod: pod({}, { phase: "Failed" }), containers: [container()] }],
    ["Pending", { pod: pod({ initContainers: [init] }), containers: [container({ name: "init" })] }],
    ["Pending", { pod: pod({ initContainers: [init] }), containers: [exited(0, { name: "init" })] }],
    ["Pending", { pod: pod({ initContainers: [init] }), containers: [exited(1, { name: "init" })] }],
    ["Failed", { pod: pod({ initContainers: [init], restartPolicy: "Never" }), containers: [exited(1, { name: "init" })] }],
    ["Running", { pod: pod({ initContainers: [init] }), containers: [exited(0, { name: "init" }), container()] }],
    [
      "Running",
      { pod: pod({ initContainers: [side], restartPolicy: "Never" }), containers: [container({ name: "side" }), exited(0)] },
    ],
    [
      "Succeeded",
      { pod: pod({ initContainers: [side], restartPolicy: "Never" }), containers: [exited(143, { name: "side" }), exited(0)] },
    ],
  ])("is %s for %j", (phase, change) => {
    expect(status(change).phase).toBe(phase);
  });
});

describe("a container's status", () => {
  const main = (change: Partial<StatusInput>) => status(change).containerStatuses?.[0];

  it("waits for its turn with the reason that kubectl shows", () => {
    expect(main({})).toMatchObject({
      state: { waiting: { reason: "ContainerCreating" } },
      ready: false,
      restartCount: 0,
      imageID: "",
    });
    expect(main({ pod: pod({ initContainers: [init] }) })?.state).toEqual({ waiting: { reason: "PodInitializing" } });
    expect(main({ waiting: new Map([["main", { reason: "ImagePullBackOff", message: "m" }]]) })?.state).toEqual({
      waiting: { reason: "ImagePullBackOff", message: "m" },
    });
  });

  it("names container and image as upstream does", () => {
    expect(main({ containers: [container()], probes: ready })).toEqual({
      name: "main",
      state: { running: { startedAt: "2026-01-01T01:00:00Z" } },
      lastState: {},
      ready: true,
      started: true,
      restartCount: 0,
      image: "nginx",
      imageID: "nginx@sha256:abc",
      containerID: "crun://main0",
    });
  });

  it("keeps how the attempt before ended", () => {
    const both = main({ containers: [exited(3, { reason: "Error" }), container({ attempt: 1 })] });
    expect(both?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: "Error", containerID: "crun://main0" });
    expect(both?.restartCount).toBe(1);
  });

  it("shows what ended as the last state while it waits to be started again", () => {
    const waiting = new Map([["main", { reason: "CrashLoopBackOff" }]]);
    const crashing = main({ containers: [exited(1)], waiting });
    expect(crashing?.state).toEqual({ waiting: { reason: "CrashLoopBackOff" } });
    expect(crashing?.lastState?.terminated?.exitCode).toBe(1);
  });

  it("carries what the container said at its end", () => {
    expect(
      main({ containers: [exited(1)], terminationMessages: new Map([["main0", "no config"]]) })?.state?.terminated?.message,
    ).toBe("no config");
  });

  it("says that it does not know what became of a container that was running and is nowhere", () => {
    const told = {
      name: "main",
      containerID: "crun://x",
      restartCount: 2,
      image: "nginx",
      imageID: "",
      ready: true,
      state: { running: {} },
    };
    const lost = main({ pod: pod({}, { containerStatuses: [told] }) });
    expect(lost?.lastState?.terminated).toMatchObject({
      exitCode: 137,
      reason: "ContainerStatusUnknown",
      containerID: "crun://x",
    });
    expect(lost?.restartCount).toBe(2);
  });
});

describe("the conditions", () => {
  it("keep their times while they do not change, and carry the generation", () => {
    const conditions = [{ type: "Ready", status: "True", lastTransitionTime: earlier }];
    const told = pod({}, { conditions });
    expect(condition(status({ pod: told, containers: [container()], probes: ready }), "Ready")).toEqual({
      type: "Ready",
      status: "True",
      observedGeneration: 2,
      lastTransitionTime: earlier,
    });
    expect(condition(status({ pod: told, containers: [container()] }), "Ready")?.lastTransitionTime).toBe("2026-01-01T01:00:00Z");
  });

  it("name who is not ready", () => {
    const unready = status({ containers: [container()] });
    expect(condition(unready, "ContainersReady")).toMatchObject({
      status: "False",
      reason: "ContainersNotReady",
      message: "containers with unready status: [main]",
    });
    expect(condition(unready, "Ready")?.reason).toBe("ContainersNotReady");
  });

  it("wait for readiness gates", () => {
    const gated = (gates: PodStatus["conditions"]) =>
      status({
        pod: pod({ readinessGates: [{ conditionType: "lb" }] }, { conditions: gates ?? [] }),
        containers: [container()],
        probes: ready,
      });
    expect(condition(gated([]), "Ready")).toMatchObject({
      status: "False",
      reason: "ReadinessGatesNotReady",
      message: 'corresponding condition of pod readiness gate "lb" does not exist.',
    });
    expect(condition(gated([{ type: "lb", status: "True" }]), "Ready")?.status).toBe("True");
  });

  it("of others are kept as they are", () => {
    const theirs = { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI" };
    expect(condition(status({ pod: pod({}, { conditions: [theirs] }) }), "DisruptionTarget")).toEqual(theirs);
  });

  it("of a pod that has done its work say so", () => {
    const done = status({ pod: pod({ restartPolicy: "Never" }), containers: [exited(0)] });
    expect(["Initialized", "Ready", "ContainersReady"].map((type) => condition(done, type)?.reason)).toEqual(
      Array(3).fill("PodCompleted"),
    );
  });
});

describe("the rest of the status", () => {
  it("has the pod's and the node's addresses, and when it began", () => {
    expect(status()).toMatchObject({
      podIP: "10.0.0.2",
      podIPs: [{ ip: "10.0.0.2" }],
      hostIP: "172.30.0.2",
      hostIPs: [{ ip: "172.30.0.2" }],
      startTime: "2026-01-01T01:00:00Z",
      observedGeneration: 2,
    });
    expect(status({ pod: pod({ hostNetwork: true }, { startTime: earlier, qosClass: "Burstable" }) })).toMatchObject({
      podIP: "172.30.0.2",
      startTime: earlier,
      qosClass: "Burstable",
    });
  });
});

describe("a patch of a status", () => {
  it("says what is gone, because the server merges", () => {
    const before: PodStatus = {
      phase: "Pending",
      reason: "Evicted",
      podIPs: [{ ip: "10.0.0.1" }],
      conditions: [{ type: "Ready", status: "False", reason: "ContainersNotReady" }],
    };
    const after: PodStatus = { phase: "Running", podIPs: [{ ip: "10.0.0.2" }], conditions: [{ type: "Ready", status: "True" }] };
    expect(statusPatch(pod(), before, after)).toEqual({
      metadata: { uid: "u" },
      status: {
        phase: "Running",
        reason: null,
        podIPs: [{ $patch: "replace" }, { ip: "10.0.0.2" }],
        conditions: [{ type: "Ready", status: "True", reason: null }],
      },
    });
  });
});

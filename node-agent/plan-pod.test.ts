import { describe, expect, it } from "vitest";
import type { Pod } from "#api/generated/types";
import { planPod } from "./plan-pod.ts";
import type { PodAction } from "./pod-plan.ts";
import type { PodView, PostStart } from "./pod-view.ts";
import type { Container, Sandbox } from "./runtime/runtime.ts";

const now = Date.parse("2026-01-01T01:00:00Z");
const second = 1000;

function pod(spec: Partial<Pod["spec"]> = {}, change: { metadata?: object; status?: Pod["status"] } = {}): PodView["pod"] {
  const metadata = {
    namespace: "default",
    name: "web",
    uid: "u",
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
  };
  return {
    metadata: { ...metadata, ...change.metadata },
    spec: { containers: [{ name: "main", image: "nginx" }], restartPolicy: "Always", ...spec },
    ...(change.status && { status: change.status }),
  };
}

function sandbox(change: Partial<Sandbox> = {}): Sandbox {
  const identity = { podUid: "u", podNamespace: "default", podName: "web" };
  return { id: "s0", ...identity, attempt: 0, state: "ready", createdAt: now, ip: "10.0.0.2", ...change };
}

function container(change: Partial<Container> = {}): Container {
  const { name = "main", attempt = 0 } = change;
  const id = `${name}${attempt}`;
  const base = { id, sandboxId: "s0", podUid: "u", name, attempt, image: "nginx", imageId: "i", createdAt: now - 60 * second };
  return { ...base, state: "running", startedAt: now - 60 * second, ...change };
}

const exited = (exitCode: number, change: Partial<Container> = {}) =>
  container({ state: "exited", exitCode, finishedAt: now - second, ...change });

function view(change: Partial<PodView> = {}): PodView {
  return {
    pod: pod(),
    now,
    sandboxes: [sandbox()],
    containers: [],
    probes: new Map(),
    postStarts: new Map(),
    images: new Map([
      ["main", { state: "present", id: "i" }],
      ["init", { state: "present", id: "i" }],
      ["side", { state: "present", id: "i" }],
    ]),
    backoffs: new Map(),
    stopping: new Map(),
    setUp: "up",
    ...change,
  };
}

/** `start main/0`, `stop main0 within 30000`, `remove sandbox s0` … */
function words(action: PodAction): string {
  switch (action.type) {
    case "start":
      return `start ${action.container}/${action.attempt}`;
    case "stop":
      return `stop ${action.id} within ${action.graceMs}`;
    case "run sandbox":
      return `run sandbox ${action.attempt}`;
    case "fetch image":
      return `fetch image of ${action.container}`;
    case "stop sandbox":
    case "remove sandbox":
    case "remove container":
    case "post start":
      return `${action.type} ${action.id}`;
    default:
      return action.type;
  }
}

const plan = (change: Partial<PodView>) => planPod(view(change)).actions.map(words);
const init = { name: "init", image: "busybox" };
const side = { name: "side", image: "busybox", restartPolicy: "Always" };

describe("a pod that is to run", () => {
  it.each<[string, Partial<PodView>, string[]]>([
    ["begins with its surroundings and a sandbox", { sandboxes: [], setUp: "unknown" }, ["set up", "run sandbox 0"]],
    ["brings the image first", { images: new Map() }, ["fetch image of main"]],
    ["waits for the image", { images: new Map([["main", { state: "fetching" }]]) }, []],
    ["starts what was never started", {}, ["start main/0"]],
    ["leaves alone what runs", { containers: [container()] }, []],
    ["makes its volumes anew after a restart of the agent", { setUp: "unknown", containers: [container()] }, ["set up"]],
    [
      "deletes what was only created, and makes it again",
      { containers: [container({ state: "created" })] },
      ["remove container main0", "start main/0"],
    ],
    ["starts again what ended", { containers: [exited(0)] }, ["start main/1"]],
    [
      "keeps of what ended the last alone",
      { containers: [exited(1), exited(1, { attempt: 1 }), container({ attempt: 2 })] },
      ["remove container main0"],
    ],
    [
      "makes a new sandbox when the old one is lost",
      { sandboxes: [sandbox({ state: "notReady" })], containers: [exited(137)] },
      ["stop sandbox s0", "set up", "run sandbox 1"],
    ],
    [
      "stops what runs without a sandbox first",
      { sandboxes: [sandbox({ state: "notReady" })], containers: [container()] },
      ["stop main0 within 2000"],
    ],
    [
      "removes a sandbox of which nothing is wanted any more",
      { sandboxes: [sandbox({ state: "notReady", id: "old" }), sandbox({ attempt: 1 })], containers: [container()] },
      ["remove sandbox old"],
    ],
    ["restarts what was changed", { containers: [container({ image: "nginx:old" })] }, ["stop main0 within 30000"]],
    ["renews what volumes show after everything else", { setUp: "stale", containers: [exited(1)] }, ["start main/1", "set up"]],
    [
      "leaves no container alone because volumes cannot be renewed",
      { setUp: "stale", retryAt: now + second, containers: [exited(1)] },
      ["start main/1"],
    ],
    ["does not stop twice", { containers: [container({ image: "nginx:old" })], stopping: new Map([["main0", now + 1]]) }, []],
  ])("%s", (_name, change, expected) => {
    expect(plan(change)).toEqual(expected);
  });

  it("does not begin anew when it is never to be restarted and its sandbox is lost", () => {
    const never = pod({ restartPolicy: "Never" });
    const lost = { pod: never, sandboxes: [sandbox({ state: "notReady" })], containers: [exited(137)] };
    expect(plan(lost)).toEqual([]);
  });

  it.each<[string, number, string[]]>([
    ["Always", 0, ["start main/1"]],
    ["Always", 1, ["start main/1"]],
    ["OnFailure", 0, []],
    ["OnFailure", 1, ["start main/1"]],
    ["Never", 0, []],
    ["Never", 1, []],
  ])("with restartPolicy %s and exit code %d: %j", (restartPolicy, code, expected) => {
    expect(plan({ pod: pod({ restartPolicy }), containers: [exited(code)] })).toEqual(expected);
  });

  it("waits out the back-off, says so, and looks again when it is over", () => {
    const backoffs = new Map([["main", { delayMs: 20 * second, since: now - 10 * second }]]);
    const result = planPod(view({ containers: [exited(1, { attempt: 2 })], backoffs }));
    expect(result.actions).toEqual([]);
    expect(result.heldBack).toEqual(["main"]);
    expect(result.waiting.get("main")).toEqual({
      reason: "CrashLoopBackOff",
      message: "back-off 20s restarting failed container=main pod=web_default(u)",
    });
    expect(result.lookAgainAt).toBe(now + 19 * second);
  });

  it("forgets the back-off of what ran for ten minutes", () => {
    const backoffs = new Map([["main", { delayMs: 300 * second, since: now - 700 * second }]]);
    expect(plan({ containers: [exited(1)], backoffs })).toEqual(["start main/1"]);
  });

  it("counts on from what the API was told when the runtime knows nothing", () => {
    const told = { name: "main", containerID: "crun://x", restartCount: 3, image: "", imageID: "", ready: false };
    expect(plan({ pod: pod({}, { status: { containerStatuses: [told] } }) })).toEqual(["start main/4"]);
  });

  it.each<["liveness" | "startup"]>([["liveness"], ["startup"]])(
    "restarts what its %s probe gave up, within that probe's grace",
    (failure) => {
      const probe = { terminationGracePeriodSeconds: 7 };
      const probed = pod({ containers: [{ name: "main", image: "nginx", livenessProbe: probe, startupProbe: probe }] });
      const [action] = planPod(
        view({ pod: probed, containers: [container()], probes: new Map([["main0", { started: true, ready: false, failure }]]) }),
      ).actions;
      expect(action).toEqual({
        type: "stop",
        id: "main0",
        container: "main",
        graceMs: 7000,
        message: `Container main failed ${failure} probe, will be restarted`,
      });
    },
  );
});

describe("postStart hooks", () => {
  const lifecycle = { postStart: { sleep: { seconds: 5 } } };
  const hooked = pod({
    containers: [
      { name: "main", image: "nginx", lifecycle },
      { name: "side", image: "nginx" },
    ],
  });
  const running = { pod: hooked, containers: [container()] };
  const known = (outcome: PostStart) => ({ ...running, postStarts: new Map([["main0", outcome]]) });

  it.each<[string, Partial<PodView>, string[]]>([
    ["hold back the containers that come later, from the start on", { pod: hooked }, ["start main/0"]],
    ["are run once the container runs, and once more by an agent that does not know", running, ["post start main0"]],
    ["hold back the containers that come later while they run", known("running"), []],
    ["let the next start when they are done", known("done"), ["start side/0"]],
    [
      "have their container stopped when they fail, and the next started",
      known("failed"),
      ["stop main0 within 30000", "start side/0"],
    ],
    ["are nothing to a container that is ending", { ...running, goneBy: now }, ["stop main0 within 2000"]],
  ])("%s", (_name, change, expected) => {
    expect(plan(change)).toEqual(expected);
  });

  it("hold back nobody while their own container cannot be started", () => {
    const backoffs = new Map([["main", { delayMs: 20 * second, since: now }]]);
    expect(plan({ pod: hooked, containers: [exited(1)], backoffs })).toEqual(["start side/0"]);
  });

  it("of a sidecar hold back what comes after it", () => {
    const sidecar = { name: "side", image: "nginx", restartPolicy: "Always", lifecycle };
    const of = pod({ initContainers: [sidecar] });
    const containers = [container({ name: "side" })];
    expect(plan({ pod: of, containers, postStarts: new Map([["side0", "running"]]) })).toEqual([]);
    expect(plan({ pod: of, containers, postStarts: new Map([["side0", "done"]]) })).toEqual(["start main/0"]);
  });
});

describe("ephemeral containers", () => {
  const looked = { ephemeralContainers: [{ name: "look", image: "busybox" }] };
  const images = new Map([...view().images, ["look", { state: "present", id: "i" } as const]]);
  const told = { name: "look", containerID: "crun://x", restartCount: 0, image: "", imageID: "", ready: false };

  it.each<[string, Partial<PodView>, string[]]>([
    ["are started beside what runs", { pod: pod(looked), containers: [container()] }, ["start look/0"]],
    ["wait for no init container", { pod: pod({ ...looked, initContainers: [init] }) }, ["start look/0", "start init/0"]],
    [
      "are started once, whatever the pod's policy",
      { pod: pod(looked), containers: [container(), exited(1, { name: "look" })] },
      [],
    ],
    [
      "are not started again when nothing is left of them",
      { pod: pod(looked, { status: { ephemeralContainerStatuses: [told] } }), containers: [container()] },
      [],
    ],
    [
      "keep no pod from ending, and end with it",
      {
        pod: pod({ ...looked, restartPolicy: "Never" }, { status: { phase: "Succeeded" } }),
        containers: [exited(0), container({ name: "look" })],
      },
      ["stop look0 within 30000"],
    ],
  ])("%s", (_name, change, expected) => {
    expect(plan({ images, ...change })).toEqual(expected);
  });
});

describe("init containers", () => {
  it.each<[string, Pod["spec"] & object, readonly Container[], string[]]>([
    ["come first", { containers: [], initContainers: [init] }, [], ["start init/0"]],
    [
      "hold back the others while they run",
      { containers: [], initContainers: [init] },
      [container({ name: "init", image: "busybox" })],
      [],
    ],
    [
      "let the others go on once they succeeded",
      { containers: [], initContainers: [init] },
      [exited(0, { name: "init" })],
      ["start main/0"],
    ],
    ["are tried again", { containers: [], initContainers: [init] }, [exited(1, { name: "init" })], ["start init/1"]],
    [
      "fail the pod that is never restarted",
      { containers: [], initContainers: [init], restartPolicy: "Never" },
      [exited(1, { name: "init" })],
      [],
    ],
    ["are not run again beside what runs", { containers: [], initContainers: [init] }, [container()], []],
    [
      "that are sidecars hold nobody back once they run",
      { containers: [], initContainers: [side] },
      [container({ name: "side", image: "busybox" })],
      ["start main/0"],
    ],
    [
      "that are sidecars run again whatever the policy",
      { containers: [], initContainers: [side], restartPolicy: "Never" },
      [exited(0, { name: "side" }), container()],
      ["start side/1"],
    ],
    [
      "that are sidecars are stopped when the work is done",
      { containers: [], initContainers: [side], restartPolicy: "Never" },
      [container({ name: "side", image: "busybox" }), exited(0)],
      ["stop side0 within 30000"],
    ],
  ])("%s", (_name, spec, containers, expected) => {
    expect(plan({ pod: pod({ ...spec, containers: [{ name: "main", image: "nginx" }] }), containers })).toEqual(expected);
  });

  it("hold back the others until a sidecar's startup probe has succeeded", () => {
    const slow = { ...side, startupProbe: {} };
    const waiting = { pod: pod({ initContainers: [slow] }), containers: [container({ name: "side", image: "busybox" })] };
    expect(plan(waiting)).toEqual([]);
    expect(plan({ ...waiting, probes: new Map([["side0", { started: true, ready: true }]]) })).toEqual(["start main/0"]);
  });
});

describe("a pod that is to go", () => {
  const goneBy = now + 10 * second;

  it.each<[string, Partial<PodView>, string[]]>([
    ["is stopped with what is left of its grace", { containers: [container()] }, ["stop main0 within 10000"]],
    ["is not told twice", { containers: [container()], stopping: new Map([["main0", goneBy]]) }, []],
    [
      "is told again when its grace was cut",
      { containers: [container()], stopping: new Map([["main0", goneBy + 20 * second]]) },
      ["stop main0 within 10000"],
    ],
    [
      "is taken down once nothing runs: sandbox, surroundings, object",
      { containers: [exited(0)] },
      ["stop sandbox s0", "remove sandbox s0", "tear down", "forget"],
    ],
    ["goes at once when it never began", { sandboxes: [], setUp: "unknown" }, ["tear down", "forget"]],
    [
      "keeps its sidecars until the others have ended",
      { pod: pod({ initContainers: [side] }), containers: [container(), container({ name: "side" })] },
      ["stop main0 within 10000"],
    ],
    [
      "stops its sidecars in reverse, one after the other",
      {
        pod: pod({ initContainers: [side, { ...side, name: "other" }] }),
        containers: [exited(0), container({ name: "side" }), container({ name: "other" })],
      },
      ["stop other0 within 10000"],
    ],
  ])("%s", (_name, change, expected) => {
    expect(plan({ goneBy, ...change })).toEqual(expected);
  });

  it("has two seconds at least, also when its grace is over", () => {
    expect(plan({ goneBy: now - second, containers: [container()] })).toEqual(["stop main0 within 2000"]);
  });
});

describe("a pod that has ended", () => {
  const ended = pod({ restartPolicy: "Never" }, { status: { phase: "Succeeded" } });

  it("gives its network and volumes back, and keeps its containers for their logs", () => {
    expect(plan({ pod: ended, containers: [exited(0)] })).toEqual(["stop sandbox s0", "tear down"]);
  });

  it("needs nothing more after that", () => {
    expect(plan({ pod: ended, setUp: "down", sandboxes: [sandbox({ state: "notReady" })], containers: [exited(0)] })).toEqual([]);
  });

  it("is never started again", () => {
    expect(plan({ pod: pod({}, { status: { phase: "Failed" } }), setUp: "down", sandboxes: [] })).toEqual([]);
  });
});

describe("a deadline", () => {
  const limited = (startTime: string) => pod({ activeDeadlineSeconds: 60 }, { status: { phase: "Running", startTime } });

  it("fails what lived too long", () => {
    const result = planPod(view({ pod: limited("2026-01-01T00:58:59Z"), containers: [container()] }));
    expect(result.actions.map(words)).toEqual(["stop main0 within 30000"]);
    expect(result.verdict?.reason).toBe("DeadlineExceeded");
  });

  it("is looked at again when it comes", () => {
    expect(planPod(view({ pod: limited("2026-01-01T00:59:30Z"), containers: [container()] })).lookAgainAt).toBe(
      now + 30 * second,
    );
  });
});

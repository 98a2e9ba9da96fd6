import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Event, Node, Pod } from "#api/generated/types";
import type { Stored } from "#api/object";
import { configMaps, events, leases, nodes, pods } from "#api/resource-type";
import { hasReason } from "#api/status";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { SmallApi } from "#client/small-api.testing";
import { createClient } from "#client/transport-client";
import { hollowNode } from "./hollow-node.ts";
import { type NodeAgentOptions, runNodeAgent } from "./main.ts";
import type { FakeProgram, FakeRuntime } from "./runtime/fake-runtime.ts";

const key = { namespace: "default", name: "web" };

describe("the node agent", () => {
  let clock: FakeClock;
  let api: SmallApi;
  let client: ApiClient;
  let stop: AbortController;
  let stateDirectory: string;
  let options: NodeAgentOptions & { runtime: FakeRuntime };
  let runtime: FakeRuntime;
  let running: Promise<void>;
  let programs: Record<string, FakeProgram>;

  beforeEach(() => {
    clock = new FakeClock();
    api = new SmallApi();
    client = createClient(api);
    stateDirectory = mkdtempSync(join(tmpdir(), "skiff-agent-"));
    programs = {};
    stop = new AbortController();
    options = newOptions();
    runtime = options.runtime;
    running = runNodeAgent(options);
  });

  afterEach(async () => {
    stop.abort();
    await running;
    rmSync(stateDirectory, { recursive: true });
  });

  const newOptions = () =>
    hollowNode({
      nodeName: "node-1",
      nodeAddress: "172.30.0.2",
      podCidr: "10.244.1.0/24",
      client,
      stateDirectory,
      program: ({ name, attempt }) => programs[`${name}/${attempt}`] ?? programs[name] ?? {},
      clock,
      random: seededRandom(1),
      log: silentLogger,
      signal: stop.signal,
    });

  const restartAgent = async (): Promise<void> => {
    stop.abort();
    await running;
    stop = new AbortController();
    running = runNodeAgent({ ...options, signal: stop.signal });
  };

  const createPod = (spec: Partial<Pod["spec"]> = {}, metadata: Partial<Pod["metadata"]> = {}) =>
    client.create<Pod>(pods, {
      metadata: { ...key, ...metadata },
      spec: {
        nodeName: "node-1",
        restartPolicy: "Always",
        terminationGracePeriodSeconds: 30,
        dnsPolicy: "Default",
        containers: [{ name: "main", image: "nginx:1.27", imagePullPolicy: "IfNotPresent" }],
        ...spec,
      },
      status: { phase: "Pending", qosClass: "BestEffort" },
    });

  const seen = () => client.get(pods, key);
  const until = async (condition: (pod: Stored<Pod>) => boolean): Promise<Stored<Pod>> => {
    let last: Stored<Pod> | undefined;
    await expect
      .poll(
        async () => {
          await clock.advance(0);
          last = await seen();
          return condition(last);
        },
        { timeout: 30_000, interval: 2 },
      )
      .toBe(true);
    return last!;
  };
  const eventually = (condition: () => boolean | Promise<boolean>) =>
    expect
      .poll(
        async () => {
          await clock.advance(0);
          return condition();
        },
        { timeout: 30_000, interval: 2 },
      )
      .toBe(true);
  const condition = (pod: Pod, type: string) => pod.status?.conditions?.find((one) => one.type === type)?.status;
  const isReady = (pod: Pod) => condition(pod, "Ready") === "True";
  const main = (pod: Pod) => pod.status!.containerStatuses![0]!;
  const recorded = async (): Promise<readonly Event[]> => (await client.list(events)).items;
  const reasons = async () =>
    (await recorded()).filter(({ involvedObject }) => involvedObject.kind === "Pod").map(({ reason }) => reason);
  const isGone = async () => {
    try {
      await seen();
      return false;
    } catch (error) {
      return hasReason(error, "NotFound");
    }
  };

  it("registers its node, says that it is ready, and keeps its lease", async () => {
    const found = async (): Promise<Stored<Node>> => client.get(nodes, { namespace: "", name: "node-1" });
    await eventually(async () => (await client.list(nodes)).items.length === 1);
    const node = await found();
    expect(node.metadata.labels).toMatchObject({ "kubernetes.io/hostname": "node-1", "kubernetes.io/os": "linux" });
    expect(node.spec).toMatchObject({ podCIDR: "10.244.1.0/24", podCIDRs: ["10.244.1.0/24"] });
    expect(node.status?.addresses).toContainEqual({ type: "InternalIP", address: "172.30.0.2" });
    expect(node.status?.allocatable).toMatchObject({ cpu: "8", pods: "110" });
    expect(node.status?.conditions?.find(({ type }) => type === "Ready")).toMatchObject({
      status: "True",
      reason: "KubeletReady",
    });
    await eventually(async () => (await client.list(leases)).items.length === 1);
    const lease = { namespace: "kube-node-lease", name: "node-1" };
    const first = (await client.get(leases, lease)).spec?.renewTime;
    const version = (await found()).metadata.resourceVersion;
    await clock.advance(10_000);
    await eventually(async () => (await client.get(leases, lease)).spec?.renewTime !== first);
    expect((await found()).metadata.resourceVersion).toBe(version);
    runtime.unavailable = "crun is broken";
    await eventually(async () => {
      await clock.advance(1000);
      return (await found()).status?.conditions?.find(({ type }) => type === "Ready")?.status === "False";
    });
  });

  it("runs a pod and tells everything about it", async () => {
    await createPod();
    const pod = await until(isReady);
    expect(pod.status).toMatchObject({
      phase: "Running",
      hostIP: "172.30.0.2",
      podIP: "10.244.1.2",
      podIPs: [{ ip: "10.244.1.2" }],
      qosClass: "BestEffort",
      startTime: "2026-01-01T00:00:00Z",
    });
    expect(main(pod)).toMatchObject({
      ready: true,
      started: true,
      restartCount: 0,
      image: "nginx:1.27",
      state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
    });
    expect(main(pod).imageID).toMatch(/^nginx@sha256:/);
    expect(main(pod).containerID).toMatch(/^fake:\/\//);
    expect(pod.status!.conditions!.map(({ type, status }) => `${type}=${status}`)).toEqual([
      "PodReadyToStartContainers=True",
      "Initialized=True",
      "Ready=True",
      "ContainersReady=True",
      "PodScheduled=True",
    ]);
    await eventually(async () => (await reasons()).length === 4);
    expect(await reasons()).toEqual(["Pulling", "Pulled", "Created", "Started"]);
  });

  it("stops writing once everything is said", async () => {
    await createPod();
    const { metadata } = await until(isReady);
    await clock.advance(60_000);
    expect((await seen()).metadata.resourceVersion).toBe(metadata.resourceVersion);
  });

  it("restarts what crashes: at once, then after 10, 20, 40 seconds, and says so", async () => {
    programs["main"] = { exits: { afterMs: 1000, code: 1 } };
    await createPod();
    await until(({ status }) => status?.phase === "Running");
    await clock.advance(1000);
    await until((pod) => main(pod).restartCount === 1 && main(pod).state?.running !== undefined);
    await clock.advance(1000);
    const waiting = await until((pod) => main(pod).state?.waiting?.reason === "CrashLoopBackOff");
    expect(main(waiting).state?.waiting?.message).toBe(
      `back-off 10s restarting failed container=main pod=web_default(${waiting.metadata.uid})`,
    );
    expect(main(waiting).lastState?.terminated).toMatchObject({ exitCode: 1, reason: "Error" });
    expect(condition(waiting, "Ready")).toBe("False");
    await clock.advance(9_000);
    expect(main(await seen()).restartCount).toBe(1);
    await clock.advance(1_000);
    await until((pod) => main(pod).restartCount === 2);
    await clock.advance(1_000);
    await until((pod) => main(pod).state?.waiting?.message?.startsWith("back-off 20s") === true);
    await eventually(async () => (await reasons()).includes("BackOff"));
  });

  it("leaves what succeeded alone, and lets go of its network", async () => {
    programs["main"] = { exits: { afterMs: 1000, code: 0 } };
    await createPod({ restartPolicy: "OnFailure" });
    await until(isReady);
    await clock.advance(1000);
    const pod = await until(({ status }) => status?.phase === "Succeeded");
    expect(main(pod).state?.terminated).toMatchObject({ exitCode: 0, reason: "Completed" });
    expect(pod.status!.conditions!.find(({ type }) => type === "Ready")).toMatchObject({
      status: "False",
      reason: "PodCompleted",
    });
    await eventually(() => runtime.calls.includes("stop sandbox web/0"));
    expect((await runtime.list()).containers).toHaveLength(1);
  });

  it("fails a pod that is never to be restarted", async () => {
    programs["main"] = { exits: { afterMs: 1000, code: 3 } };
    await createPod({ restartPolicy: "Never" });
    await until(isReady);
    await clock.advance(1000);
    const pod = await until(({ status }) => status?.phase === "Failed");
    expect(main(pod).state?.terminated?.exitCode).toBe(3);
  });

  it("runs init containers one after the other before the others", async () => {
    programs["first"] = { exits: { afterMs: 1000, code: 0 } };
    programs["second"] = { exits: { afterMs: 1000, code: 0 } };
    const init = (name: string) => ({ name, image: "busybox", imagePullPolicy: "IfNotPresent" });
    await createPod({ initContainers: [init("first"), init("second")] });
    const pending = await until(({ status }) => status?.initContainerStatuses?.[0]?.state?.running !== undefined);
    expect(pending.status?.phase).toBe("Pending");
    expect(main(pending).state?.waiting?.reason).toBe("PodInitializing");
    expect(pending.status!.conditions!.find(({ type }) => type === "Initialized")).toMatchObject({
      status: "False",
      reason: "ContainersNotInitialized",
      message: "containers with incomplete status: [first second]",
    });
    await clock.advance(1000);
    await until(({ status }) => status?.initContainerStatuses?.[1]?.state?.running !== undefined);
    await clock.advance(1000);
    await until(isReady);
    expect(runtime.calls.filter((call) => call.startsWith("start"))).toEqual(["start first/0", "start second/0", "start main/0"]);
  });

  it("keeps sidecars running beside the others and ends them last", async () => {
    programs["main"] = { exits: { afterMs: 5000, code: 0 } };
    await createPod({
      restartPolicy: "Never",
      initContainers: [{ name: "proxy", image: "envoy", imagePullPolicy: "IfNotPresent", restartPolicy: "Always" }],
    });
    const pod = await until(isReady);
    expect(pod.status?.initContainerStatuses?.[0]).toMatchObject({ ready: true, started: true });
    await clock.advance(5000);
    await until(({ status }) => status?.phase === "Succeeded");
    expect(runtime.calls).toContain("stop proxy/0 within 30000ms");
  });

  it("stops a deleted pod within its grace, takes everything down, and then lets it go", async () => {
    programs["main"] = { stopsAfterMs: 5000 };
    await createPod({}, { finalizers: ["test/keep"] });
    await until(isReady);
    await client.delete(pods, key);
    await client.patch(pods, key, { type: "merge", patch: { metadata: { deletionGracePeriodSeconds: 10 } } });
    await eventually(() => runtime.calls.some((call) => call.startsWith("stop main/0 within 10000ms")));
    expect((await runtime.list()).sandboxes[0]?.state).toBe("ready");
    await clock.advance(5000);
    await eventually(async () => (await runtime.list()).sandboxes.length === 0);
    await eventually(() =>
      api.calls.some(({ verb, body }) => verb === "delete" && (body as { gracePeriodSeconds?: number }).gracePeriodSeconds === 0),
    );
    const pod = await seen();
    expect(pod.status?.phase).toBe("Failed");
    expect(main(pod).state?.terminated?.exitCode).toBe(143);
    const { preconditions } = api.calls.findLast(({ verb }) => verb === "delete")!.body as { preconditions?: { uid?: string } };
    expect(preconditions?.uid).toBe(pod.metadata.uid);
    expect(await reasons()).toContain("Killing");
  });

  describe("postStart hooks", () => {
    const hooked = {
      name: "main",
      image: "nginx",
      imagePullPolicy: "IfNotPresent",
      lifecycle: { postStart: { exec: { command: ["prepare"] } } },
    };
    const next = { name: "next", image: "nginx", imagePullPolicy: "IfNotPresent" };

    it("keep a container from being shown as running, and the next from starting, until they are done", async () => {
      const hook: { done?: (code: number) => void } = {};
      const done = new Promise<number>((resolve) => (hook.done = resolve));
      runtime.exec = async () => ({ exitCode: await done, stdout: "", stderr: "" });
      await createPod({ containers: [hooked, next] });
      await eventually(() => runtime.calls.includes("start main/0"));
      await clock.advance(1000);
      expect(main(await seen()).state?.waiting?.reason).toBe("ContainerCreating");
      expect(runtime.calls).not.toContain("start next/0");
      hook.done?.(0);
      const pod = await until(isReady);
      expect(pod.status!.containerStatuses!.map(({ state }) => state?.running !== undefined)).toEqual([true, true]);
    });

    it("have their container killed and restarted when they fail", async () => {
      let runs = 0;
      runtime.execResult = () => ({ exitCode: runs++ === 0 ? 3 : 0, stdout: "", stderr: "no" });
      await createPod({ containers: [hooked] });
      const pod = await until((one) => isReady(one) && main(one).restartCount === 1);
      expect(main(pod).lastState?.terminated?.exitCode).toBe(143);
      expect(runs).toBe(2);
      const told = (await recorded()).filter(({ reason }) => ["FailedPostStartHook", "Killing"].includes(reason ?? ""));
      expect(told.map(({ message }) => message)).toEqual(["PostStartHook failed", "FailedPostStartHook"]);
    });

    it("are run again by the next agent when the last did not see their end, and not when it did", async () => {
      let runs = 0;
      runtime.exec = (_id, _command, { signal } = { timeoutMs: 0 }) =>
        new Promise((resolve, reject) => {
          runs++;
          signal?.addEventListener("abort", () => reject(new Error("aborted")));
          if (runs === 2) resolve({ exitCode: 0, stdout: "", stderr: "" });
        });
      await createPod({ containers: [hooked] });
      await eventually(() => runs === 1);
      await restartAgent();
      const pod = await until(isReady);
      expect([runs, main(pod).restartCount]).toEqual([2, 0]);
      await restartAgent();
      await clock.advance(10_000);
      expect([runs, isReady(await seen())]).toEqual([2, true]);
    });
  });

  it("runs the preStop hook first, within the grace", async () => {
    const preStop = { exec: { command: ["drain"] } };
    await createPod(
      { containers: [{ name: "main", image: "nginx", imagePullPolicy: "IfNotPresent", lifecycle: { preStop } }] },
      { finalizers: ["test/keep"] },
    );
    await until(isReady);
    const executed: string[] = [];
    runtime.execResult = (id, command) => {
      executed.push(command.join(" "));
      return { exitCode: 1, stdout: "", stderr: `${id} is busy` };
    };
    await client.delete(pods, key);
    await eventually(async () => (await runtime.list()).sandboxes.length === 0);
    expect(executed).toEqual(["drain"]);
    await eventually(async () => (await reasons()).includes("FailedPreStopHook"));
  });

  it("ends what is not in the API any more", async () => {
    await createPod();
    await until(isReady);
    await client.delete(pods, key);
    expect(await isGone()).toBe(true);
    await eventually(async () => (await runtime.list()).sandboxes.length === 0);
  });

  it("adopts what runs after a restart: nothing is started or stopped, and the counts stay", async () => {
    programs["main/0"] = { exits: { afterMs: 1000, code: 1 } };
    await createPod();
    await until(isReady);
    await clock.advance(1000);
    const before = await until((pod) => isReady(pod) && main(pod).restartCount === 1);
    const calls = runtime.calls.length;
    await restartAgent();
    await clock.advance(20_000);
    const after = await until(isReady);
    expect(runtime.calls.slice(calls)).toEqual([]);
    expect(main(after)).toEqual(main(before));
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it("ends, after a restart, what was deleted meanwhile, but only once it has read the API", async () => {
    await createPod();
    await until(isReady);
    stop.abort();
    await running;
    await client.delete(pods, key);
    api.intercept = ({ verb, type }) => (verb === "list" && type.resource === "pods" ? "fail" : undefined);
    await restartAgent();
    await clock.advance(10_000);
    expect((await runtime.list()).sandboxes).toHaveLength(1);
    api.intercept = () => undefined;
    await clock.advance(60_000);
    await eventually(async () => (await runtime.list()).sandboxes.length === 0);
  });

  it("makes a new sandbox when the old one is lost, and counts the restart", async () => {
    await createPod();
    await until(isReady);
    const [sandbox] = (await runtime.list()).sandboxes;
    runtime.loseSandbox(sandbox!.id);
    const pod = await until((one) => isReady(one) && main(one).restartCount === 1);
    expect(main(pod).lastState?.terminated?.exitCode).toBe(137);
    expect(runtime.calls).toContain("run sandbox web/1");
  });

  it("says on the pod, once, which of its fields do nothing", async () => {
    await createPod({ hostUsers: false });
    await until(isReady);
    const ignored = async () => (await recorded()).filter(({ reason }) => reason === "FieldIgnored");
    await eventually(async () => (await ignored()).length === 1);
    expect((await ignored())[0]).toMatchObject({
      type: "Warning",
      count: 1,
      message: "spec.hostUsers is not implemented by this node agent and does nothing",
    });
  });

  it("tries an image again, slower and slower, and shows why", async () => {
    stop.abort();
    await running;
    stop = new AbortController();
    const { fakeImages } = await import("./images/fake-images.ts");
    const images = fakeImages({ clock, failure: () => "manifest unknown" });
    running = runNodeAgent({ ...options, images, signal: stop.signal });
    await createPod();
    const failed = await until((pod) => main(pod).state?.waiting?.reason === "ErrImagePull");
    expect(failed.status?.phase).toBe("Pending");
    await clock.advance(2_000);
    await until((pod) => main(pod).state?.waiting?.reason === "ImagePullBackOff");
    await eventually(async () => (await reasons()).includes("Failed"));
    const pulls = async () => (await recorded()).filter(({ reason }) => reason === "Pulling").map(({ count }) => count)[0];
    expect(await pulls()).toBe(1);
    await clock.advance(8_000);
    await eventually(async () => (await pulls()) === 2);
  });

  it("waits for a ConfigMap that its environment needs", async () => {
    const env = [{ name: "COLOR", valueFrom: { configMapKeyRef: { name: "settings", key: "color" } } }];
    await createPod({ containers: [{ name: "main", image: "nginx", imagePullPolicy: "IfNotPresent", env }] });
    const waiting = await until((pod) => main(pod).state?.waiting?.reason === "CreateContainerConfigError");
    expect(main(waiting).state?.waiting?.message).toBe('configmap "settings" not found');
    await client.create(configMaps, { metadata: { namespace: "default", name: "settings" }, data: { color: "green" } });
    await clock.advance(11_000);
    await until(isReady);
    const [container] = (await runtime.list()).containers;
    expect(runtime.configOf(container!.id)?.env).toEqual([{ name: "COLOR", value: "green" }]);
  });

  it("counts a command that cannot be run as a restart", async () => {
    programs["main"] = { startFailure: 'exec: "nonsense": executable file not found in $PATH' };
    await createPod();
    const pod = await until((one) => main(one).state?.waiting?.reason === "CrashLoopBackOff");
    expect(main(pod).lastState?.terminated).toMatchObject({ exitCode: 128, reason: "StartError" });
    expect(main(pod).restartCount).toBe(1);
    delete programs["main"];
    await clock.advance(10_000);
    await until(isReady);
  });

  it("restarts a container whose liveness probe fails, and is not ready before its readiness probe says so", async () => {
    stop.abort();
    await running;
    stop = new AbortController();
    const answers = { liveness: true, readiness: false };
    running = runNodeAgent({
      ...options,
      signal: stop.signal,
      prober: async ({ exec }) => {
        const ok = exec?.command?.[0] === "live" ? answers.liveness : answers.readiness;
        return { ok, message: "no" };
      },
    });
    const probe = (command: string) => ({
      exec: { command: [command] },
      periodSeconds: 10,
      failureThreshold: 3,
      successThreshold: 1,
    });
    const container = { name: "main", image: "nginx", imagePullPolicy: "IfNotPresent" };
    await createPod({ containers: [{ ...container, livenessProbe: probe("live"), readinessProbe: probe("ready") }] });
    const started = await until((pod) => main(pod).state?.running !== undefined);
    expect(isReady(started)).toBe(false);
    answers.readiness = true;
    await clock.advance(10_000);
    await until(isReady);
    answers.liveness = false;
    await clock.advance(30_000);
    await until((pod) => main(pod).restartCount === 1);
    await eventually(async () => (await reasons()).includes("Unhealthy"));
    const killing = (await recorded()).find(({ reason }) => reason === "Killing");
    expect(killing?.message).toBe("Container main failed liveness probe, will be restarted");
  });

  it("fails a pod that it may not run, says why, and makes nothing of it", async () => {
    await createPod({ securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] } });
    const pod = await until(({ status }) => status?.phase === "Failed");
    expect(pod.status).toMatchObject({
      reason: "SysctlForbidden",
      message: 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted',
    });
    await eventually(async () => (await reasons()).includes("SysctlForbidden"));
    expect(runtime.calls).toEqual([]);
  });

  it("fails a pod that outlives its deadline", async () => {
    await createPod({ activeDeadlineSeconds: 60 });
    await until(isReady);
    await clock.advance(59_000);
    expect((await seen()).status?.phase).toBe("Running");
    await clock.advance(1_000);
    const pod = await until(({ status }) => status?.phase === "Failed");
    expect(pod.status).toMatchObject({
      reason: "DeadlineExceeded",
      message: "Pod was active on the node longer than the specified deadline",
    });
    await eventually(() => runtime.calls.includes("stop sandbox web/0"));
  });

  it("writes a status that could not be written, when it can", async () => {
    await createPod();
    await until(isReady);
    api.intercept = ({ verb, subresource, type }) =>
      verb === "patch" && subresource === "status" && type.resource === "pods" ? "fail" : undefined;
    runtime.exit((await runtime.list()).containers[0]!.id, 1);
    await clock.advance(20_000);
    expect(main(await seen()).restartCount).toBe(0);
    api.intercept = () => undefined;
    await clock.advance(20_000);
    await until((pod) => main(pod).restartCount === 1 && isReady(pod));
  });
});

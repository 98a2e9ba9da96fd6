import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import type { Node, Pod, PodSpec } from "#api/generated/types";
import { events, nodes, pods } from "#api/resource-type";
import { createClient } from "#client/transport-client";
import { SmallApi } from "#client/small-api.testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runScheduler } from "./main.ts";

let clock: FakeClock;
let api: SmallApi;
let stop: AbortController;
let running: Promise<void>;

const client = () => createClient(api);

beforeEach(async () => {
  clock = new FakeClock();
  api = new SmallApi();
  stop = new AbortController();
  await addNode("n1");
  running = runScheduler({ client: client(), clock, random: seededRandom(1), log: silentLogger, signal: stop.signal });
  await clock.advance(0);
});
afterEach(async () => {
  api.unmute();
  stop.abort(new Error("test over"));
  await clock.advance(0);
  await running;
});

async function addNode(name: string, cpu = "4") {
  const node: Node = { metadata: { name }, status: { allocatable: { cpu, memory: "8Gi", pods: "110" } } };
  await client().create(nodes, node);
}

async function addPod(name: string, cpu = "1", spec: Partial<PodSpec> = {}) {
  const containers = [{ name: "c", image: "i", resources: { requests: { cpu } } }];
  await client().create(pods, { metadata: { namespace: "default", name }, spec: { containers, ...spec } });
}

function get(name: string): Promise<Pod> {
  return client().get(pods, { namespace: "default", name });
}

async function nodeOf(name: string): Promise<string | undefined> {
  return (await get(name)).spec?.nodeName;
}

async function told(): Promise<string[]> {
  return (await client().list(events)).items.map(({ reason = "", message = "" }) => `${reason}: ${message}`);
}

describe("the scheduler", () => {
  test("binds a pod and says so", async () => {
    await addPod("p");
    await clock.advance(10);
    expect(await nodeOf("p")).toBe("n1");
    expect(await told()).toEqual(["Scheduled: Successfully assigned default/p to n1"]);
  });

  test("counts what it decided before the informer shows it, so that many that come at once do not share one place", async () => {
    for (let index = 0; index < 8; index++) await addPod(`p${index}`);
    await clock.advance(100);
    const bound = (await client().list(pods)).items.filter(({ spec }) => spec?.nodeName === "n1");
    expect(bound).toHaveLength(4);
  });

  test("gives the place back when a binding fails, and tries again a second later", async () => {
    let failures = 1;
    api.intercept = (call) => (call.subresource === "binding" && failures-- > 0 ? "fail" : undefined);
    await addPod("p", "4");
    await clock.advance(500);
    expect(await nodeOf("p")).toBeUndefined();
    expect(await told()).toEqual(["FailedScheduling: Binding rejected: intercepted"]);
    await clock.advance(600);
    expect(await nodeOf("p")).toBe("n1");
  });

  test("does not bind again what was bound although the answer was lost", async () => {
    let lost = 1;
    api.intercept = (call) => (call.subresource === "binding" && lost-- > 0 ? "fail after" : undefined);
    await addPod("p", "4");
    await clock.advance(5000);
    expect(await nodeOf("p")).toBe("n1");
    await addPod("q", "1");
    await clock.advance(10);
    expect(await nodeOf("q")).toBeUndefined();
  });

  test("gives nobody the place of a pod that may be bound there, until the server has said whether it is", async () => {
    let silent = true;
    api.intercept = (call) => {
      if (call.name !== "p" || !silent) return undefined;
      if (call.subresource === "binding") api.mute("pods");
      return call.subresource === "binding" ? "fail after" : "fail";
    };
    api.mute("pods");
    await addPod("p", "4");
    await addPod("q", "1");
    api.unmute();
    await clock.advance(5000);
    silent = false;
    expect([await nodeOf("p"), await nodeOf("q")]).toEqual(["n1", undefined]);
    await clock.advance(5000);
    api.unmute();
    await clock.advance(5000);
    expect(await nodeOf("q")).toBeUndefined();
    expect((await told()).filter((text) => text.includes("Binding rejected"))).toEqual([]);
  });

  test("wakes a pod when a node comes that may take it, and writes its reason only once", async () => {
    await addPod("p", "8");
    await clock.advance(100);
    const patches = () => api.calls.filter(({ verb, type }) => verb === "patch" && type.resource === "pods").length;
    expect(patches()).toBe(1);
    await addNode("small", "1");
    await clock.advance(5000);
    expect(await nodeOf("p")).toBeUndefined();
    await addNode("n2", "16");
    await clock.advance(5000);
    expect(await nodeOf("p")).toBe("n2");
  });

  test("leaves alone pods of other schedulers, gated pods, and pods on their way out", async () => {
    await addPod("theirs", "1", { schedulerName: "other" });
    await addPod("gated", "1", { schedulingGates: [{ name: "example.com/wait" }] });
    await clock.advance(100);
    expect([await nodeOf("theirs"), await nodeOf("gated")]).toEqual([undefined, undefined]);
    expect((await get("gated")).status?.conditions).toMatchObject([{ reason: "SchedulingGated", status: "False" }]);
    const open = { type: "merge" as const, patch: { spec: { schedulingGates: [] } } };
    await client().patch(pods, { namespace: "default", name: "gated" }, open);
    await clock.advance(10);
    expect(await nodeOf("gated")).toBe("n1");
  });

  test("prefers the more important of two that wait", async () => {
    await client().delete(nodes, { namespace: "", name: "n1" });
    await clock.advance(0);
    await addPod("low", "4", { priority: 1 });
    await addPod("high", "4", { priority: 2 });
    await clock.advance(100);
    await addNode("n2");
    await clock.advance(5000);
    expect([await nodeOf("low"), await nodeOf("high")]).toEqual([undefined, "n2"]);
  });
});

describe("preemption", () => {
  /** Deleted pods stay until the test lets them go. */
  async function addHeld(name: string, cpu: string, priority: number) {
    const containers = [{ name: "c", image: "i", resources: { requests: { cpu } } }];
    const metadata = { namespace: "default", name, finalizers: ["example.com/slow"] };
    await client().create(pods, { metadata, spec: { containers, priority } });
    await clock.advance(20);
  }
  const letGo = (name: string) =>
    client().patch(pods, { namespace: "default", name }, { type: "merge", patch: { metadata: { finalizers: [] } } });
  const isLeaving = async (name: string) => (await get(name)).metadata.deletionTimestamp !== undefined;

  test("asks the victim only once however often the pod is tried, and takes its place when it has left", async () => {
    await addHeld("low", "4", 1);
    await addPod("high", "4", { priority: 2 });
    await clock.advance(100);
    for (const name of ["n2", "n3"]) await addNode(name, "1");
    await clock.advance(20_000);
    const deletes = api.calls.filter(({ verb, type }) => verb === "delete" && type.resource === "pods");
    expect(deletes).toHaveLength(1);
    expect((await get("low")).status?.conditions).toMatchObject([{ type: "DisruptionTarget", status: "True" }]);
    expect((await get("high")).status).toMatchObject({ nominatedNodeName: "n1" });
    await letGo("low");
    await clock.advance(20);
    expect(await nodeOf("high")).toBe("n1");
  });

  test("does not look for other victims while the first ones are being asked", async () => {
    await addNode("n2");
    await addHeld("a", "4", 1);
    await addHeld("b", "4", 1);
    let answer: () => void = () => undefined;
    const send = api.send.bind(api);
    api.send = async (call) => {
      if (call.verb === "delete") await new Promise<void>((resolve) => (answer = resolve));
      return send(call);
    };
    await addPod("high", "4", { priority: 2 });
    await clock.advance(100);
    await addNode("n3", "1");
    await clock.advance(10_000);
    expect([await isLeaving("a"), await isLeaving("b")]).toEqual([false, false]);
    answer();
    await clock.advance(10_000);
    expect([await isLeaving("a"), await isLeaving("b")].filter(Boolean)).toHaveLength(1);
  });

  test("leaves others alone when its pod goes before they are asked", async () => {
    await addHeld("low", "4", 1);
    let answer: () => void = () => undefined;
    const send = api.send.bind(api);
    api.send = async (call) => {
      if (call.verb === "patch" && call.name === "high") await new Promise<void>((resolve) => (answer = resolve));
      return send(call);
    };
    await addPod("high", "4", { priority: 2 });
    await clock.advance(100);
    await client().delete(pods, { namespace: "default", name: "high" });
    await clock.advance(100);
    answer();
    await clock.advance(5000);
    expect(await isLeaving("low")).toBe(false);
  });

  test("is tried again when a victim could not be asked", async () => {
    let failures = 1;
    api.intercept = (call) => (call.verb === "delete" && failures-- > 0 ? "fail" : undefined);
    await addHeld("low", "4", 1);
    await addPod("high", "4", { priority: 2 });
    await clock.advance(100);
    expect(await isLeaving("low")).toBe(false);
    await clock.advance(1000);
    expect(await isLeaving("low")).toBe(true);
  });

  test("takes the room back from a less important pod that waits for it", async () => {
    await addHeld("low", "4", 1);
    await addPod("middle", "4", { priority: 2 });
    await clock.advance(100);
    expect((await get("middle")).status).toMatchObject({ nominatedNodeName: "n1" });
    await addPod("high", "4", { priority: 3 });
    await clock.advance(100);
    expect((await get("high")).status).toMatchObject({ nominatedNodeName: "n1" });
    expect((await get("middle")).status).not.toHaveProperty("nominatedNodeName");
    await letGo("low");
    await clock.advance(5000);
    expect([await nodeOf("middle"), await nodeOf("high")]).toEqual([undefined, "n1"]);
  });

  test("gives room back that its pod does not come for", async () => {
    await addHeld("low", "4", 1);
    await addPod("high", "4", { priority: 2 });
    await clock.advance(100);
    await addPod("small", "1", { priority: 1 });
    await letGo("low");
    await client().patch(
      pods,
      { namespace: "default", name: "high" },
      { type: "merge", patch: { spec: { schedulerName: "other" } } },
    );
    await clock.advance(5000);
    expect(await nodeOf("small")).toBe("n1");
  });

  test("a scheduler that begins anew keeps the room that the one before it made", async () => {
    await addHeld("low", "4", 1);
    await addPod("high", "4", { priority: 2 });
    await clock.advance(100);
    stop.abort(new Error("restart"));
    await clock.advance(0);
    await running;
    await addPod("small", "1", { priority: 1 });
    await letGo("low");
    stop = new AbortController();
    running = runScheduler({ client: client(), clock, random: seededRandom(1), log: silentLogger, signal: stop.signal });
    await clock.advance(5000);
    expect([await nodeOf("high"), await nodeOf("small")]).toEqual(["n1", undefined]);
  });

  test("keeps the room when the binding fails", async () => {
    let failures = 1;
    api.intercept = (call) => (call.subresource === "binding" && call.name === "high" && failures-- > 0 ? "fail" : undefined);
    await addHeld("low", "4", 1);
    await addPod("high", "4", { priority: 2 });
    await clock.advance(100);
    await letGo("low");
    await clock.advance(100);
    await addPod("small", "1", { priority: 1 });
    await clock.advance(5000);
    expect([await nodeOf("high"), await nodeOf("small")]).toEqual(["n1", undefined]);
  });
});

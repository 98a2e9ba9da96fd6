import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "#api/generated/types";
import { nodes, pods } from "#api/resource-type";
import type { FakeClock } from "#base/fake-clock";
import type { ApiClient } from "#client/api-client";
import { type HollowAgent, startHollowAgent } from "./hollow-agent.testing.ts";
import type { FakeRuntime } from "./runtime/fake-runtime.ts";

const never = new Promise<never>(() => undefined);

describe("an agent whose runtime hangs", () => {
  let agent: HollowAgent;
  let clock: FakeClock;
  let client: ApiClient;
  let runtime: FakeRuntime;

  beforeEach(() => {
    agent = startHollowAgent();
    ({ clock, client, runtime } = agent);
  });
  afterEach(() => agent.stop());

  const create = (name: string) =>
    client.create<Pod>(pods, {
      metadata: { namespace: "default", name },
      spec: {
        nodeName: "node-1",
        dnsPolicy: "Default",
        containers: [{ name: "main", image: "nginx:1", imagePullPolicy: "IfNotPresent" }],
      },
      status: { phase: "Pending", qosClass: "BestEffort" },
    });
  const phase = async (name: string) => (await client.get(pods, { namespace: "default", name })).status?.phase;
  const ready = async () =>
    (await client.get(nodes, { namespace: "", name: "node-1" })).status?.conditions?.find(({ type }) => type === "Ready");
  const until: HollowAgent["until"] = (condition, stepMs) => agent.until(condition, stepMs);

  it("runs the other pods, and this one once the call is given up", async () => {
    const start = runtime.startContainer.bind(runtime);
    let hangs = true;
    runtime.startContainer = (id) => (hangs && runtime.podOf(id) === "stuck" ? never : start(id));
    await create("stuck");
    await until(async () => runtime.calls.includes("run sandbox stuck/0"));
    await create("free");
    await until(async () => (await phase("free")) === "Running");
    expect(await phase("stuck")).toBe("Pending");
    hangs = false;
    await until(async () => (await phase("stuck")) === "Running", 1000);
  });

  it("lets no number of pods that hang hold up one that does not", async () => {
    const start = runtime.startContainer.bind(runtime);
    runtime.startContainer = (id) => (runtime.podOf(id)?.startsWith("stuck") === true ? never : start(id));
    for (let index = 0; index < 40; index++) await create(`stuck-${index}`);
    await until(async () => runtime.calls.some((call) => call.startsWith("run sandbox stuck-")));
    const began = clock.monotonic();
    await create("free");
    await until(async () => (await phase("free")) === "Running", 100);
    expect(clock.monotonic() - began).toBeLessThan(10_000);
  });

  it("says that the node is not ready and why, and recovers by itself", async () => {
    await until(async () => (await ready())?.status === "True");
    const [info, list] = [runtime.info.bind(runtime), runtime.list.bind(runtime)];
    runtime.info = () => never;
    runtime.list = () => never;
    await until(async () => (await ready())?.status === "False", 1000);
    expect(await ready()).toMatchObject({ reason: "KubeletNotReady", message: "container runtime is down" });
    await until(async () => (await ready())?.message?.includes("PLEG is not healthy") === true, 1000);
    runtime.info = info;
    runtime.list = list;
    await until(async () => (await ready())?.status === "True", 1000);
    await create("late");
    await until(async () => (await phase("late")) === "Running", 100);
  });
});

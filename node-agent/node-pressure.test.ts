import { expect, it, onTestFinished } from "vitest";
import type { Pod } from "#api/generated/types";
import { events, nodes, pods } from "#api/resource-type";
import { startHollowAgent } from "./hollow-agent.testing.ts";

it("evicts one pod a look while the node is short of memory, the least important first, and says so", async () => {
  const memory = { available: 2 ** 32, capacity: 2 ** 34 };
  const agent = startHollowAgent({ observeMachine: async () => new Map([["memory.available", memory]]) });
  onTestFinished(() => agent.stop());
  const { client, until } = agent;
  const pod = (name: string) => client.get(pods, { namespace: "default", name });
  const phase = async (name: string) => (await pod(name)).status?.phase;
  const condition = async (type: string) =>
    (await client.get(nodes, { namespace: "", name: "node-1" })).status?.conditions?.find((one) => one.type === type)?.status;
  for (const [name, priority] of [
    ["low", 0],
    ["high", 100],
  ] as const) {
    await client.create<Pod>(pods, {
      metadata: { namespace: "default", name },
      spec: {
        nodeName: "node-1",
        priority,
        dnsPolicy: "Default",
        containers: [{ name: "main", image: "nginx:1", imagePullPolicy: "IfNotPresent" }],
      },
      status: { phase: "Pending", qosClass: "BestEffort" },
    });
  }
  await until(async () => (await phase("low")) === "Running" && (await phase("high")) === "Running");

  memory.available = 50 * 2 ** 20;
  await until(async () => (await phase("low")) === "Failed", 1000);
  expect(await phase("high")).toBe("Running");
  memory.available = 2 ** 32;
  await until(async () => (await condition("MemoryPressure")) === "True", 1000);
  expect((await pod("low")).status).toMatchObject({
    reason: "Evicted",
    message: "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ",
  });
  expect((await pod("low")).status?.conditions).toContainEqual(
    expect.objectContaining({ type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet" }),
  );
  const told = (await client.list(events)).items.map(({ reason }) => reason);
  expect(told).toEqual(expect.arrayContaining(["EvictionThresholdMet", "Evicted"]));
  await until(async () => (await condition("MemoryPressure")) === "False", 10_000);
  expect(await phase("high")).toBe("Running");
});

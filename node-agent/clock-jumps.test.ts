import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "#api/generated/types";
import { pods } from "#api/resource-type";
import type { FakeClock } from "#base/fake-clock";
import type { ApiClient } from "#client/api-client";
import { type HollowAgent, startHollowAgent } from "./hollow-agent.testing.ts";
import type { FakeProgram, FakeRuntime } from "./runtime/fake-runtime.ts";

const key = { namespace: "default", name: "web" };
const hours = 3_600_000;

describe("a wall clock that is set", () => {
  let agent: HollowAgent;
  let clock: FakeClock;
  let client: ApiClient;
  let runtime: FakeRuntime;
  let program: FakeProgram;

  beforeEach(() => {
    program = {};
    agent = startHollowAgent({ program: () => program });
    ({ clock, client, runtime } = agent);
  });
  afterEach(() => agent.stop());

  const create = () =>
    client.create<Pod>(pods, {
      // Keeps what is deleted until the agent is done with it.
      metadata: { ...key, finalizers: ["test/keep"] },
      spec: {
        nodeName: "node-1",
        restartPolicy: "Always",
        terminationGracePeriodSeconds: 30,
        dnsPolicy: "Default",
        containers: [{ name: "main", image: "nginx:1", imagePullPolicy: "IfNotPresent" }],
      },
      status: { phase: "Pending", qosClass: "BestEffort" },
    });
  const main = async () => (await client.get(pods, key)).status?.containerStatuses?.[0];
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 30; round++) {
      await clock.advance(0);
      await sleep(1);
    }
  };
  const until = async (done: () => Promise<boolean>): Promise<void> => {
    for (const giveUpAt = performance.now() + 30_000; performance.now() < giveUpAt;) {
      await clock.advance(0);
      await sleep(1);
      if (await done().catch(() => false)) return;
    }
    throw new Error("gave up waiting");
  };

  it.each([3 * hours, -3 * hours])("by %d ms leaves a back-off as long as it was", async (jump) => {
    program = { exits: { afterMs: 100, code: 1 } };
    await create();
    await until(async () => (await main())?.state?.running !== undefined);
    await clock.advance(100);
    await until(async () => (await main())?.restartCount === 1);
    clock.jump(jump);
    await clock.advance(100);
    await until(async () => (await main())?.state?.waiting?.reason === "CrashLoopBackOff");
    await clock.advance(9000);
    await settle();
    expect((await main())?.restartCount).toBe(1);
    clock.jump(-2 * jump);
    await clock.advance(1100);
    await until(async () => (await main())?.restartCount === 2);
  });

  it("leaves a container its grace, and no more", async () => {
    program = { stopsAfterMs: 20_000 };
    await create();
    await until(async () => (await main())?.state?.running !== undefined);
    await client.delete(pods, key);
    await until(async () => runtime.calls.some((call) => call.startsWith("stop main/0")));
    clock.jump(3 * hours);
    await clock.advance(10_000);
    await settle();
    expect(runtime.calls.filter((call) => call.startsWith("stop main"))).toEqual(["stop main/0 within 30000ms"]);
    await clock.advance(10_000);
    await until(async () => (await main())?.state?.terminated?.exitCode === 143);
  });
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "#api/generated/types";
import { pods } from "#api/resource-type";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { SmallApi } from "#client/small-api.testing";
import { createClient } from "#client/transport-client";
import { hollowNode } from "./hollow-node.ts";
import { runNodeAgent } from "./main.ts";
import type { FakeProgram, FakeRuntime } from "./runtime/fake-runtime.ts";

const key = { namespace: "default", name: "web" };
const hours = 3_600_000;

describe("a wall clock that is set", () => {
  let clock: FakeClock;
  let client: ApiClient;
  let runtime: FakeRuntime;
  let stop: AbortController;
  let running: Promise<void>;
  let stateDirectory: string;
  let program: FakeProgram;

  beforeEach(() => {
    clock = new FakeClock();
    client = createClient(new SmallApi());
    stop = new AbortController();
    stateDirectory = mkdtempSync(join(tmpdir(), "skiff-jumps-"));
    program = {};
    const options = hollowNode({
      nodeName: "node-1",
      nodeAddress: "172.30.0.2",
      podCidr: "10.244.1.0/24",
      client,
      stateDirectory,
      program: () => program,
      clock,
      random: seededRandom(1),
      log: silentLogger,
      signal: stop.signal,
    });
    ({ runtime } = options);
    running = runNodeAgent(options);
  });
  afterEach(async () => {
    stop.abort();
    await clock.advance(10_000);
    await running;
    rmSync(stateDirectory, { recursive: true });
  });

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
    for (const giveUpAt = performance.now() + 5000; performance.now() < giveUpAt;) {
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

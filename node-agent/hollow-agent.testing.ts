import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#base/clock";
import { FakeClock } from "#base/fake-clock";
import { silentLogger } from "#base/logger";
import { seededRandom } from "#base/random";
import type { ApiClient } from "#client/api-client";
import { SmallApi } from "#client/small-api.testing";
import { createClient } from "#client/transport-client";
import { hollowNode, type HollowNodeOptions } from "./hollow-node.ts";
import { type NodeAgentOptions, runNodeAgent } from "./main.ts";
import type { FakeRuntime } from "./runtime/fake-runtime.ts";

/** The agent of a hollow `node-1` on a clock of the test's own, with an API that knows no kinds. */
export interface HollowAgent {
  readonly clock: FakeClock;
  readonly client: ApiClient;
  readonly runtime: FakeRuntime;
  /** Lets `stepMs` go by at a time. @throws Error after five real seconds */
  readonly until: (condition: () => Promise<boolean>, stepMs?: number) => Promise<void>;
  /** Ends it, and removes what it left on disk. */
  readonly stop: () => Promise<void>;
}

export function startHollowAgent(
  options: Pick<HollowNodeOptions, "program"> & Partial<Pick<NodeAgentOptions, "observeMachine">> = {},
): HollowAgent {
  const { program, ...more } = options;
  const clock = new FakeClock();
  const client = createClient(new SmallApi());
  const ending = new AbortController();
  const stateDirectory = mkdtempSync(join(tmpdir(), "skiff-agent-"));
  const node = hollowNode({
    nodeName: "node-1",
    nodeAddress: "172.30.0.2",
    podCidr: "10.244.1.0/24",
    client,
    stateDirectory,
    ...(program && { program }),
    clock,
    random: seededRandom(1),
    log: silentLogger,
    signal: ending.signal,
  });
  const running = runNodeAgent({ ...node, ...more });
  return {
    clock,
    client,
    runtime: node.runtime,
    until: async (condition, stepMs = 0) => {
      for (const giveUpAt = systemClock.monotonic() + 30_000; systemClock.monotonic() < giveUpAt;) {
        await clock.advance(stepMs);
        await systemClock.sleep(1);
        if (await condition().catch(() => false)) return;
      }
      throw new Error("gave up waiting");
    },
    stop: async () => {
      ending.abort();
      await clock.advance(10_000);
      await running;
      rmSync(stateDirectory, { recursive: true });
    },
  };
}
